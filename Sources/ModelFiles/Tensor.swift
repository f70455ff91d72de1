/// A named array of numbers where it lies: in a mapped file or in memory that `owner` keeps.
public struct Tensor: @unchecked Sendable {
  public let name: String
  public let elementType: TensorElementType
  /// Outermost dimension first; empty for a scalar.
  public let shape: [Int]
  /// `[shape]` elements, row-major and without gaps, little-endian, aligned to the element type where that
  /// is not quantized.
  public let bytes: UnsafeRawBufferPointer
  /// What keeps `bytes` valid: hold it, or the tensor, as long as they are read.
  public let owner: AnyObject

  /// A tensor over memory that `owner` keeps valid and that nobody writes any more.
  public init(
    name: String, elementType: TensorElementType, shape: [Int], bytes: UnsafeRawBufferPointer,
    owner: AnyObject
  ) {
    precondition(
      shape.allSatisfy { $0 >= 0 } && elementType.byteCount(shape: shape) == bytes.count,
      "\(name): \(bytes.count) bytes do not fill the shape \(shape) of \(elementType.rawValue)")
    self.name = name
    self.elementType = elementType
    self.shape = shape
    self.bytes = bytes
    self.owner = owner
  }

  /// A tensor over a copy of `elements`.
  public init<Element: BitwiseCopyable>(
    name: String, elementType: TensorElementType, shape: [Int], copying elements: [Element]
  ) {
    let copy = elements.withUnsafeBytes { AlignedCopy($0) }
    self.init(
      name: name, elementType: elementType, shape: shape, bytes: copy.bytes, owner: copy)
  }
}
