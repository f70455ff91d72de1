import Files
import JSON

/// A safetensors file, mapped and checked whole: every entry of its header, and that the tensors
/// fill the file's data without overlaps and holes.
///
/// The format (https://huggingface.co/docs/safetensors): 8 bytes, little-endian, the length of the
/// header; the header, a JSON object; the data. The header maps each tensor's name to `dtype`,
/// `shape` and `data_offsets` [begin, end) within the data; `__metadata__` maps strings to strings.
public final class SafetensorsFile: Sendable {
  public var path: String { file.path }
  /// The names of all tensors in the order of their data.
  public let names: [String]
  /// What the file says of itself, such as `format: pt`.
  public let metadata: [String: String]

  private let file: MappedFile
  private let entries: [String: SafetensorsEntry]
  /// The data: what follows the header.
  private let dataStart: Int

  /// Throws `FileError`: as `MappedFile` does, `malformed` where the file breaks the format,
  /// `unsupported` where a tensor's type is not in `TensorElementType`.
  public init(path: String) throws {
    let file = try MappedFile(path: path)
    try GitLFSPointer.check(file.bytes, path: path)
    let headerBytes = try Self.headerBytes(of: file)
    let dataStart = 8 + headerBytes.count
    var (entries, metadata) = try FileError.readingJSON {
      try Self.entriesAndMetadata(JSONDocument(bytes: headerBytes, path: path))
    }
    // Tensors without elements share their place with the next one, and come before it.
    entries.sort {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    try Self.checkCoverage(of: entries, dataCount: file.bytes.count - dataStart, path: path)

    self.file = file
    self.dataStart = dataStart
    self.metadata = metadata
    names = entries.map(\.name)
    self.entries = try Self.entriesByName(entries, path: path)
  }

  /// The tensor of that name, or nil.
  ///
  /// Its bytes lie in the mapped file, unless the file does not align them to the element type (the
  /// format does not ask for it, all current writers do); then they are copied.
  public func tensor(named name: String) -> Tensor? {
    guard let stored = storedTensor(named: name) else { return nil }
    var (bytes, owner) = (stored.bytes, stored.owner)
    if Int(bitPattern: bytes.baseAddress) % stored.elementType.alignment != 0 {
      let copy = AlignedCopy(bytes)
      (bytes, owner) = (copy.bytes, copy)
    }
    return Tensor(
      name: name, elementType: stored.elementType, shape: stored.shape, bytes: bytes, owner: owner)
  }

  /// The tensor of that name as it lies in the mapped file, or nil; never copied.
  public func storedTensor(named name: String) -> StoredTensor? {
    guard let entry = entries[name] else { return nil }
    let range = (dataStart + entry.range.lowerBound)..<(dataStart + entry.range.upperBound)
    return StoredTensor(
      elementType: entry.elementType, shape: entry.shape,
      bytes: UnsafeRawBufferPointer(rebasing: file.bytes[range]), owner: file)
  }

  private static func entriesAndMetadata(
    _ header: JSONDocument
  ) throws -> ([SafetensorsEntry], [String: String]) {
    var entries: [SafetensorsEntry] = []
    var metadata: [String: String] = [:]
    for key in header.keys {
      let value = try header.object(key)
      if key == "__metadata__" {
        for name in value.keys { metadata[name] = try value.string(name) }
      } else {
        entries.append(try SafetensorsEntry(name: key, header: value))
      }
    }
    return (entries, metadata)
  }

  /// Keys of a JSON object differ in their bytes; two names may still be one text to Unicode, as "é"
  /// and "e" with a combining accent are.
  private static func entriesByName(
    _ entries: [SafetensorsEntry], path: String
  ) throws -> [String: SafetensorsEntry] {
    var entriesByName: [String: SafetensorsEntry] = [:]
    for entry in entries where entriesByName.updateValue(entry, forKey: entry.name) != nil {
      throw FileError(
        .malformed,
        "\(path): two tensors are called \"\(entry.name)\", in two spellings of the same characters; "
          + "write the file again with other names")
    }
    return entriesByName
  }

  /// The header's JSON text, with its length checked.
  private static func headerBytes(of file: MappedFile) throws -> UnsafeRawBufferPointer {
    let bytes = file.bytes
    func malformed(_ problem: String) -> FileError {
      FileError(.malformed, "\(file.path): \(problem); fetch the file again")
    }
    guard bytes.count >= 8 else {
      throw malformed("is cut short: \(bytes.count) bytes cannot hold a safetensors header")
    }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= 100_000_000 else {
      throw malformed(
        "is no safetensors file: its header would have \(length) bytes, the limit is 100000000")
    }
    guard length <= bytes.count - 8 else {
      throw malformed(
        "is cut short: its header has \(length) bytes, only \(bytes.count - 8) are there")
    }
    return UnsafeRawBufferPointer(rebasing: bytes[8..<(8 + Int(length))])
  }

  /// Throws unless `entries`, sorted by offset, fill `dataCount` bytes without overlap and hole.
  private static func checkCoverage(
    of entries: [SafetensorsEntry], dataCount: Int, path: String
  ) throws {
    func malformed(_ problem: String) -> FileError {
      FileError(.malformed, "\(path): \(problem); fetch or write the file again")
    }
    var end = 0
    var previous = "the header"
    for entry in entries {
      let begin = entry.range.lowerBound
      if begin < end {
        throw malformed("the data of \"\(entry.name)\" and \(previous) overlap")
      }
      if begin > end {
        throw malformed(
          "\(begin - end) bytes between the data of \(previous) and \"\(entry.name)\" belong to "
            + "no tensor"
        )
      }
      end = entry.range.upperBound
      previous = "\"\(entry.name)\""
    }
    if end > dataCount {
      throw malformed("is cut short: the tensors need \(end) bytes of data, \(dataCount) are there")
    }
    if end < dataCount {
      throw malformed("\(dataCount - end) bytes follow the last tensor and belong to none")
    }
  }
}
