import Foundation
import ModelFiles
import Testing

/// A directory of a test's own, removed when the test lets go of it.
final class TemporaryDirectory {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "ringflash-\(UInt64.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Writes a file and gives its path.
  @discardableResult
  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = "\(path)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  @discardableResult
  func write(_ name: String, _ text: String) throws -> String {
    try write(name, Array(text.utf8))
  }

  func contents() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }
}

/// Expects `body` to throw a `ModelFileError` of `kind` whose sentence holds all of `words`.
func expectError(
  _ kind: ModelFileError.Kind, naming words: [String], _ comment: String = "",
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  let error = #expect(
    throws: ModelFileError.self, "\(comment) \(words)", sourceLocation: sourceLocation,
    performing: body)
  guard let error else { return }
  #expect(error.kind == kind, "\(comment): \(error)", sourceLocation: sourceLocation)
  for word in words {
    #expect("\(error)".contains(word), "\(comment): \(word)", sourceLocation: sourceLocation)
  }
}

/// The bytes of a safetensors file: the length of `header`, `header`, and `dataCount` bytes 0, 1,
/// 2, …
func safetensors(_ header: String, dataCount: Int) -> [UInt8] {
  withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
    + (0..<dataCount).map { UInt8(truncatingIfNeeded: $0) }
}

/// The header's entry of one tensor.
func entry(_ name: String, _ type: String, _ shape: String, _ begin: Int, _ end: Int) -> String {
  #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":[\#(begin),\#(end)]}"#
}
