/// ‖values‖, the root of the sum of squares.
func norm(_ values: [Double]) -> Double {
  values.reduce(0) { $0 + $1 * $1 }.squareRoot()
}

/// ‖values − exact‖ / ‖exact‖, or NaN if any value is.
func relativeError(_ values: [Float], _ exact: [Double]) -> Double {
  precondition(values.count == exact.count)
  return norm(zip(values, exact).map { Double($0) - $1 }) / max(norm(exact), .leastNormalMagnitude)
}

/// What a naive computation may lose and still count as right: a unit in the last place of float32.
let float32Floor = 0x1p-23
