/// A matrix or a vector whose rows lie nowhere in the files: it has to be written anew from elements
/// that lie apart.
public struct AssembledTensor: @unchecked Sendable {
  /// Where the elements of row `r` are; a vector has rows of one element.
  public enum Parts {
    /// Element `c` of the row is the one numbered `r · rowStep + c · columnStep` from `elements` on, of the
    /// type of the tensor.
    case apart(elements: UnsafeRawPointer, rowStep: Int, columnStep: Int)
    /// MXFP4 as Transformers stores it, scales apart: for each 32 elements of the row 16 bytes from
    /// `blocks + r · rowStep · (columns / 2)` on, in byte j element 2j in the low four bits and 2j + 1 in
    /// the high ones, and one byte from `scales + r · rowStep · (columns / 32)` on.
    case blocks(_ blocks: UnsafeRawPointer, scales: UnsafeRawPointer, rowStep: Int)
  }

  public let name: String
  /// Of the elements as they become rows.
  public let elementType: TensorElementType
  /// `[rows, columns]`, or `[rows]` of a vector.
  public let shape: [Int]
  public let parts: Parts
  /// What keeps the elements valid.
  private let owners: [AnyObject]

  init(
    name: String, elementType: TensorElementType, shape: [Int], parts: Parts, owners: [AnyObject]
  ) {
    self.name = name
    self.elementType = elementType
    self.shape = shape
    self.parts = parts
    self.owners = owners
  }

  public var rows: Int { shape[0] }
  /// Elements of a row.
  public var columns: Int { shape.count == 2 ? shape[1] : 1 }
}
