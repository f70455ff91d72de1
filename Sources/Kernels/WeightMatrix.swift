/// A linear layer's weights where they lie: in a mapped file or in memory that somebody owns.
///
/// The matrix is `[outputs][inputs]`, row-major and without gaps; output `o` of input `x` is the
/// dot product of row `o` with `x`, plus `bias[o]` where there is a bias.
public struct WeightMatrix: @unchecked Sendable {
  public let outputs: Int
  public let inputs: Int
  public let precision: Precision
  /// `[outputs][inputs]` bfloat16 or float32, as `precision` says.
  public let elements: UnsafeRawPointer
  /// `[outputs]`, or empty for a layer without bias.
  public let bias: [Float]
  /// What keeps `elements` valid.
  private let owner: AnyObject

  public init(
    outputs: Int, inputs: Int, precision: Precision, elements: UnsafeRawPointer, bias: [Float] = [],
    owner: AnyObject
  ) {
    precondition(bias.isEmpty || bias.count == outputs, "a bias has one element an output")
    self.outputs = outputs
    self.inputs = inputs
    self.precision = precision
    self.elements = elements
    self.bias = bias
    self.owner = owner
  }

  /// The layer of some of the outputs, where they lie.
  public func rows(_ range: Range<Int>) -> WeightMatrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= outputs, "rows of the matrix")
    return WeightMatrix(
      outputs: range.count, inputs: inputs, precision: precision,
      elements: elements + range.lowerBound * inputs * precision.bytes,
      bias: bias.isEmpty ? [] : Array(bias[range]), owner: owner)
  }

  public var bytes: Int { outputs * inputs * precision.bytes }
}
