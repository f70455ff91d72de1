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
  /// What keeps `elements` valid and unchanged.
  public let owner: AnyObject

  public init(
    name: String, shape: [Int], format: WeightFormat, elements: UnsafeRawPointer, owner: AnyObject
  ) {
    self.name = name
    self.shape = shape
    self.format = format
    self.elements = elements
    self.owner = owner
  }

  public var count: Int { shape.reduce(1, *) }

  public var bytes: Int {
    shape.dropLast().reduce(1, *) * format.rowBytes(inputs: shape.last ?? 1)
  }

  /// The elements converted to float32, which is exact: `[count]`.
  public func floats() -> [Float] {
    format.floats(at: elements, count: count)
  }
}
