/// An array of numbers as it lies in a file: unlike a `Tensor`'s, its elements may lie at any address.
public struct StoredTensor: @unchecked Sendable {
  public let elementType: TensorElementType
  /// Outermost dimension first.
  public let shape: [Int]
  /// `[shape]` elements, row-major and without gaps, little-endian.
  public let bytes: UnsafeRawBufferPointer
  /// What keeps `bytes` valid.
  let owner: AnyObject
}
