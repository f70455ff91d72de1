import Foundation

/// A mean of values, and how far it is likely to be off.
public struct Estimate: Sendable, Equatable {
  public let mean: Double
  /// The standard deviation of the sample (n − 1) over √n; nil of a single value, which says nothing of
  /// it.
  public let standardError: Double?

  public init(mean: Double, standardError: Double?) {
    self.mean = mean
    self.standardError = standardError
  }

  /// - Parameter values: at least one; summed in their order.
  init(_ values: [Double]) {
    let count = Double(values.count)
    let mean = values.reduce(0, +) / count
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.init(
      mean: mean,
      standardError: values.count < 2 ? nil : (squares / (count - 1) / count).squareRoot())
  }

  /// e to its power; the error to first order.
  var exponential: Estimate {
    let power = exp(mean)
    return Estimate(mean: power, standardError: standardError.map { $0 * power })
  }
}
