import Files

/// Writes a safetensors file of one tensor, row by row, where the number of rows is known only at
/// the end.
///
/// The file appears at its path with `finish()`; dropped before, the writer leaves nothing behind.
public final class SafetensorsRowWriter {
  private let file: ReplacementFile
  private let name: String
  private let elementType: TensorElementType
  private let rowShape: [Int]
  private let metadata: [String: String]
  private let bytesPerRow: Int
  private let headerCount: Int
  /// The rows written so far.
  public private(set) var rows = 0

  /// Starts a tensor of the shape `[rows] + rowShape`. Throws `FileError.writeFailed`.
  public init(
    path: String, name: String, elementType: TensorElementType, rowShape: [Int],
    metadata: [String: String] = [:]
  ) throws {
    precondition(!elementType.isQuantized, "\(name): safetensors have no \(elementType.rawValue)")
    self.name = name
    self.elementType = elementType
    self.rowShape = rowShape
    self.metadata = metadata
    bytesPerRow = rowShape.reduce(elementType.bytesPerBlock, *)
    precondition(bytesPerRow > 0, "\(name): rows of the shape \(rowShape) hold nothing")
    // The header of the largest tensor there could be keeps room for that of any other.
    let largest = SafetensorsHeader.bytes(
      tensors: [(name, elementType, [Int.max] + rowShape, Int.max)], metadata: metadata)
    headerCount = largest.count
    file = try ReplacementFile(path: path)
    try file.append(largest)
  }

  /// Appends whole rows: `[n] + rowShape` elements, row-major, little-endian. Throws
  /// `FileError.writeFailed`.
  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    precondition(
      bytes.count % bytesPerRow == 0,
      "\(bytes.count) bytes are no whole number of rows of \(bytesPerRow)")
    try file.append(bytes)
    rows += bytes.count / bytesPerRow
  }

  /// Appends rows of `Float`s, like `append(_:)` with their bytes.
  public func append(_ elements: [Float]) throws {
    precondition(elementType == .float32, "\(name) does not hold float32")
    try elements.withUnsafeBytes { try append($0) }
  }

  /// Completes the header and puts the file in its place; nothing can be appended after. Throws
  /// `FileError.writeFailed`; then nothing is left of the new file.
  public func finish() throws {
    let header = SafetensorsHeader.bytes(
      tensors: [(name, elementType, [rows] + rowShape, rows * bytesPerRow)], metadata: metadata,
      paddedTo: headerCount)
    try file.overwrite(at: 0, with: header)
    try file.commit()
  }
}
