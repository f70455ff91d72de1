/// What the elements of a matrix are multiplied by: one factor for each block of some rows and some
/// inputs. Blocks begin with the first row and the first input; the last ones may be smaller.
public struct WeightScales: Equatable, Sendable {
  /// `[rows / rowsPerScale][inputs / inputsPerScale]`, both rounded up.
  public let values: [Float]
  public let rowsPerScale: Int
  public let inputsPerScale: Int
  /// Of the matrix.
  private let inputs: Int
  /// The matrix's first row among those that `values` are for.
  private let firstRow: Int

  public init(_ values: [Float], rowsPerScale: Int, inputsPerScale: Int, inputs: Int) {
    self.init(values, rowsPerScale, inputsPerScale, inputs, firstRow: 0)
  }

  private init(
    _ values: [Float], _ rowsPerScale: Int, _ inputsPerScale: Int, _ inputs: Int, firstRow: Int
  ) {
    precondition(rowsPerScale > 0 && inputsPerScale > 0, "a scale is for some elements")
    self.values = values
    self.rowsPerScale = rowsPerScale
    self.inputsPerScale = inputsPerScale
    self.inputs = inputs
    self.firstRow = firstRow
  }

  /// Those of the matrix without its first rows.
  func dropping(rows: Int) -> WeightScales {
    WeightScales(values, rowsPerScale, inputsPerScale, inputs, firstRow: firstRow + rows)
  }

  /// Whether they are for so many rows and inputs.
  func cover(rows: Int, inputs: Int) -> Bool {
    inputs == self.inputs
      && (rows == 0 || index(row: rows - 1, input: max(inputs, 1) - 1) < values.count)
  }

  /// Of one element.
  public subscript(row: Int, input: Int) -> Float { values[index(row: row, input: input)] }

  private func index(row: Int, input: Int) -> Int {
    let scalesPerRow = (inputs + inputsPerScale - 1) / inputsPerScale
    return (firstRow + row) / rowsPerScale * scalesPerRow + input / inputsPerScale
  }

  /// Calls `body` for each run of a row's inputs that have one scale, in order.
  @inline(__always)
  func forEachRun(
    ofRow row: Int, in inputs: Range<Int>, _ body: (_ run: Range<Int>, _ scale: Float) -> Void
  ) {
    var start = inputs.lowerBound
    while start < inputs.upperBound {
      // One scale may be for more inputs than there are.
      let rest = inputsPerScale - start % inputsPerScale
      let end = start + min(rest, inputs.upperBound - start)
      body(start..<end, self[row, start])
      start = end
    }
  }
}
