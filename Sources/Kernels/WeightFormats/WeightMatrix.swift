/// A linear layer's weights where they lie: in a mapped file or in memory that somebody owns.
///
/// The matrix is `[outputs][inputs]`, row-major and without gaps, in rows of its format; output `o` of
/// input `x` is the dot product of row `o` with `x`, plus `bias[o]` where there is a bias. Where there
/// are scales, an element is multiplied by its own before.
public struct WeightMatrix: @unchecked Sendable {
  public let outputs: Int
  public let inputs: Int
  public let format: WeightFormat
  /// `[outputs]` rows of `rowBytes`.
  public let elements: UnsafeRawPointer
  /// `[outputs]`, or empty for a layer without bias.
  public let bias: [Float]
  /// Of a format whose matrices have some.
  public let scales: WeightScales?
  /// What keeps `elements` valid.
  private let owner: AnyObject

  public init(
    outputs: Int, inputs: Int, format: WeightFormat, elements: UnsafeRawPointer, bias: [Float] = [],
    scales: WeightScales? = nil, owner: AnyObject
  ) {
    precondition(bias.isEmpty || bias.count == outputs, "a bias has one element an output")
    precondition(
      format.isScaled ? scales?.cover(rows: outputs, inputs: inputs) == true : scales == nil,
      "scales for every element where the format has them")
    self.outputs = outputs
    self.inputs = inputs
    self.format = format
    self.elements = elements
    self.bias = bias
    self.scales = scales
    self.owner = owner
  }

  /// Bytes from one row to the next.
  public var rowBytes: Int { format.rowBytes(inputs: inputs) }

  public var bytes: Int { outputs * rowBytes }

  /// Floating-point operations for one input: a multiplication and an addition for every weight.
  public var flops: Double { 2 * Double(outputs * inputs) }

  /// Where a row begins.
  public func row(_ output: Int) -> UnsafeRawPointer { elements + output * rowBytes }

  /// The same matrix, whose rows lie somewhere else.
  public func lying(at elements: UnsafeRawPointer, owner: AnyObject) -> WeightMatrix {
    WeightMatrix(
      outputs: outputs, inputs: inputs, format: format, elements: elements, bias: bias,
      scales: scales, owner: owner)
  }

  /// The layer of some of the outputs, where they lie.
  public func rows(_ range: Range<Int>) -> WeightMatrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= outputs, "rows of the matrix")
    return WeightMatrix(
      outputs: range.count, inputs: inputs, format: format, elements: row(range.lowerBound),
      bias: bias.isEmpty ? [] : Array(bias[range]),
      scales: scales?.dropping(rows: range.lowerBound), owner: owner)
  }
}
