import Files
import SystemPackage

/// A GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md) of version 2 or 3, mapped
/// and checked whole: its metadata, and that each tensor of its table lies within the file and apart
/// from the others.
public final class GGUFFile: Sendable {
  private static let magic = "GGUF"
  private static let defaultAlignment = 32

  public var path: String { file.path }
  public let metadata: GGUFMetadata
  /// In the order of the data.
  let entries: [GGUFEntry]

  private let file: MappedFile
  /// Where the data begins.
  private let dataStart: Int

  /// Whether a file seems to be one: by its name, or by how it begins.
  static func isLikely(_ path: String) -> Bool {
    if GGUFName.isGGUF(path) { return true }
    guard
      let file = try? FileDescriptor.open(FilePath(text: path), .readOnly, options: .closeOnExec)
    else { return false }
    defer { try? file.close() }
    return ((try? file.read(upTo: magic.utf8.count)) ?? []).elementsEqual(magic.utf8)
  }

  /// Throws `FileError`: as `MappedFile` does, `malformed` where the file breaks the format,
  /// `unsupported` for another version and for tensors of a type that is not read.
  public init(path: String) throws {
    let file = try MappedFile(path: path)
    try GitLFSPointer.check(file.bytes, path: path)
    var cursor = GGUFCursor(file.bytes, path: path)
    try Self.checkBeginning(&cursor, file.bytes)
    let tensorCount = try cursor.length("the table of tensors")
    let metadata = try GGUFMetadata(&cursor, count: cursor.length("the metadata"), file: file)
    let alignment = try Self.alignment(metadata)
    let entries = try (0..<tensorCount).map {
      try GGUFEntry(&cursor, index: $0, alignment: alignment)
    }.sorted { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }
    // The file's length is far from where this overflows.
    let dataStart = (cursor.position + alignment - 1) / alignment * alignment
    try Self.checkPlaces(of: entries, dataCount: file.bytes.count - dataStart, cursor)

    self.file = file
    self.metadata = metadata
    self.entries = entries
    self.dataStart = dataStart
  }

  /// The bytes before the data.
  var header: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: file.bytes[..<min(dataStart, file.bytes.count)])
  }

  /// The tensor of an entry under a name. Its bytes lie in the mapped file, unless the file's alignment
  /// is less than its elements'; then they are copied.
  func tensor(_ entry: GGUFEntry, named name: String) -> Tensor {
    let start = dataStart + entry.offset
    // Behind the end is no place even for nothing.
    let range = entry.byteCount == 0 ? 0..<0 : start..<start + entry.byteCount
    let mapped = UnsafeRawBufferPointer(rebasing: file.bytes[range])
    var (bytes, owner): (UnsafeRawBufferPointer, AnyObject) = (mapped, file)
    if range.lowerBound % entry.elementType.alignment != 0 {
      let copy = AlignedCopy(mapped)
      (bytes, owner) = (copy.bytes, copy)
    }
    return Tensor(
      name: name, elementType: entry.elementType, shape: entry.shape, bytes: bytes, owner: owner)
  }

  private static func checkBeginning(
    _ cursor: inout GGUFCursor, _ bytes: UnsafeRawBufferPointer
  ) throws {
    guard bytes.count < magic.utf8.count || bytes.starts(with: magic.utf8) else {
      let start = bytes.prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      throw cursor.malformed(
        "is no GGUF file: it begins with the bytes \(start), not with \"GGUF\"")
    }
    try cursor.skip(magic.utf8.count, "the word GGUF")
    let version = try cursor.integer(UInt32.self, "the version")
    guard version != 2, version != 3 else { return }
    func unsupported(_ problem: String) -> FileError {
      FileError(.unsupported, "\(cursor.path): \(problem)")
    }
    if version & 0xffff == 0 {
      throw unsupported(
        "is a GGUF file for big-endian machines; fetch or convert the model for little-endian ones")
    }
    throw unsupported(
      "is a GGUF file of version \(version), but versions 2 and 3 are supported; convert the model "
        + "\(version < 2 ? "again with a newer" : "with an older") llama.cpp")
  }

  private static func alignment(_ metadata: GGUFMetadata) throws -> Int {
    let key = "general.alignment"
    guard let alignment = try metadata.integer(key) else { return defaultAlignment }
    guard alignment >= 1, alignment <= 1 << 30, alignment & (alignment - 1) == 0 else {
      throw metadata.malformed("\"\(key)\" is \(alignment), which is no power of two up to 2^30")
    }
    return alignment
  }

  /// Throws unless `entries`, sorted by their offsets, lie apart within `dataCount` bytes under
  /// different names.
  private static func checkPlaces(
    of entries: [GGUFEntry], dataCount: Int, _ cursor: GGUFCursor
  ) throws {
    var names: Set<String> = []
    var end = 0
    var previous = ""
    for entry in entries {
      guard names.insert(entry.name).inserted else {
        throw cursor.malformed("two tensors are called \(entry.name.debugDescription)")
      }
      guard entry.offset >= end else {
        throw cursor.malformed(
          "the data of \(entry.name.debugDescription) and \(previous.debugDescription) overlap")
      }
      let (next, overflows) = entry.offset.addingReportingOverflow(entry.byteCount)
      guard entry.byteCount == 0 || !overflows && next <= dataCount else {
        throw cursor.malformed(
          "is cut short: the data of \(entry.name.debugDescription) ends at byte "
            + "\(overflows ? "2^63" : "\(next)") of the data, \(max(dataCount, 0)) are there")
      }
      end = overflows ? entry.offset : next
      previous = entry.name
    }
  }
}
