/// Repeated measurements of one quantity.
package struct Measurement {
  package let mean: Double
  /// Of the sample, with n − 1; 0 of a single measurement.
  package let standardDeviation: Double

  /// - Parameter values: at least one.
  package init(_ values: [Double]) {
    let mean = values.reduce(0, +) / Double(values.count)
    let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    self.mean = mean
    standardDeviation =
      values.count > 1 ? (squares / Double(values.count - 1)).squareRoot() : 0
  }

  /// As a table's cell takes it.
  var cellValue: (mean: Double, standardDeviation: Double) { (mean, standardDeviation) }
}
