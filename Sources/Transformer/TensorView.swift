import Kernels

/// A tensor where it lies: in a mapped file or in memory that somebody owns. Row-major, without
/// gaps, little-endian, and not necessarily aligned to its elements.
public struct TensorView: @unchecked Sendable {
  public let name: String
  public let shape: [Int]
  /// The type of the elements.
  public let precision: Precision
  /// `shape`'s elements, of `precision`'s type.
  public let elements: UnsafeRawPointer
  /// What keeps `elements` valid and unchanged.
  public let owner: AnyObject

  public init(
    name: String, shape: [Int], precision: Precision, elements: UnsafeRawPointer, owner: AnyObject
  ) {
    self.name = name
    self.shape = shape
    self.precision = precision
    self.elements = elements
    self.owner = owner
  }

  public var count: Int { shape.reduce(1, *) }

  public var bytes: Int { count * precision.bytes }

  /// The elements converted to float32, which is exact: `[count]`.
  public func floats() -> [Float] {
    precision.floats(at: elements, count: count)
  }
}

extension Precision {
  /// The `count` elements of this type at `elements`, aligned or not, converted to float32.
  func floats(at elements: UnsafeRawPointer, count: Int) -> [Float] {
    switch self {
    case .bf16:
      (0..<count).map {
        let bits = elements.loadUnaligned(fromByteOffset: 2 * $0, as: UInt16.self)
        return BFloat16(bitPattern: bits).float
      }
    case .fp32:
      (0..<count).map { elements.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
    }
  }
}
