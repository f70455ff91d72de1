import Foundation
import Testing

/// One line of a benchmark's table, as JSON, of 2 repetitions: from a mean and a deviation follows
/// what each of them measured.
struct BenchmarkLine {
  let values: [String: Any]

  init(_ values: [String: Any]) { self.values = values }

  func text(_ name: String) -> String? { values[name] as? String }

  func integer(_ name: String) -> Int? { values[name] as? Int }

  func isMissing(_ name: String) -> Bool { values[name] == nil || values[name] is NSNull }

  func number(_ name: String) throws -> Double {
    let value = try #require(values[name] as? Double, "\(name) in \(values)")
    try #require(value.isFinite, "\(name) in \(values)")
    return value
  }

  /// What the two repetitions measured, in ascending order, and not in that of their time. The
  /// deviation of a sample of two is their difference divided by √2.
  func measurements(_ name: String) throws -> [Double] {
    let (mean, deviation) = (try number(name), try number("\(name)_stddev"))
    try #require(deviation >= 0, "\(name) in \(values)")
    let half = deviation / 2.0.squareRoot()
    return [mean - half, mean + half]
  }

  /// Expects that a rate in GFLOP/s or GB/s is this amount a repetition over its seconds, of which the
  /// line has the mean.
  func expectRate(_ rate: String, amount: Double, sourceLocation: SourceLocation = #_sourceLocation)
    throws
  {
    let seconds = try measurements(rate).map { amount / $0 / 1e9 }
    let mean = (seconds[0] + seconds[1]) / 2
    let isRight = try Self.areClose([mean], [number("seconds")])
    #expect(isRight, "\(rate) in \(values)", sourceLocation: sourceLocation)
  }

  /// Expects that a rate in GFLOP/s or GB/s is the first of these amounts over the seconds of one
  /// repetition, and the second over those of the other.
  func expectRate(
    _ rate: String, amounts: [Double], seconds: [Double],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let rates = try measurements(rate)
    let isRight = [seconds, seconds.reversed()].contains { seconds in
      Self.areClose(zip(amounts, seconds).map { $0 / $1 / 1e9 }.sorted(), rates)
    }
    #expect(isRight, "\(rate) in \(values)", sourceLocation: sourceLocation)
  }

  /// Expects a fraction that is the rate's part of its peak, and that the line has no rate of the
  /// other kind.
  ///
  /// - Parameter mostOfPeak: what caches, and others who use the machine while the peak is measured,
  ///   may make of a fraction that is 1 at most.
  func expectPeak(
    of rate: String, not other: String, mostOfPeak: Double,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let (value, peak) = (try number(rate), try number("peak_\(rate)"))
    let fraction = try number("fraction_of_peak")
    #expect(
      try peak > 0 && measurements(rate)[0] > 0 && Self.areClose([fraction], [value / peak]),
      "\(values)", sourceLocation: sourceLocation)
    #expect(fraction < mostOfPeak, "\(values)", sourceLocation: sourceLocation)
    for name in [other, "\(other)_stddev", "peak_\(other)"] {
      #expect(isMissing(name), "\(name) in \(values)", sourceLocation: sourceLocation)
    }
  }

  /// Whether each number is the other but for rounding.
  static func areClose(_ some: [Double], _ others: [Double]) -> Bool {
    some.count == others.count
      && zip(some, others).allSatisfy { abs($0 - $1) <= 1e-6 * max(abs($0), abs($1)) }
  }
}
