import Kernels

/// A tensor where it lies: in a mapped file or in memory that somebody owns. Row-major, without
/// gaps, little-endian, and not necessarily aligned to its elements.
public struct TensorView: @unchecked Sendable {
  public let name: String
  public let shape: [Int]
  /// How its rows are stored: the last of `shape` is the length of a row.
  public let format: WeightFormat
  /// `shape`'s elements, in that format.
  public let elements: UnsafeRawPointer
  /// What a matrix's elements are multiplied by where its format has scales.
  public let scales: WeightScales?
  /// What keeps `elements` valid and unchanged.
  public let owner: AnyObject

  public init(
    name: String, shape: [Int], format: WeightFormat, elements: UnsafeRawPointer,
    scales: WeightScales? = nil, owner: AnyObject
  ) {
    self.name = name
    self.shape = shape
    self.format = format
    self.elements = elements
    self.scales = scales
    self.owner = owner
  }

  public var count: Int { shape.reduce(1, *) }

  public var bytes: Int {
    shape.dropLast().reduce(1, *) * format.rowBytes(inputs: shape.last ?? 1)
  }

  /// The elements converted to float32, which is exact: `[count]`. Without scales.
  public func floats() -> [Float] {
    precondition(scales == nil, "\(name): elements are numbers of their own")
    return format.floats(at: elements, count: count)
  }
}
