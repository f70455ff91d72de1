import Files
import JSON

extension FileError {
  /// What `body` reads from a JSON text; a `JSONError` becomes the error of a malformed file.
  static func readingJSON<Result>(_ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as JSONError {
      throw FileError(.malformed, error.description)
    }
  }
}

extension JSONDocument {
  /// Reads the file at `path`.
  ///
  /// Throws `FileError`: as `MappedFile` does, `malformed` as `init(bytes:path:)` does, and where a Git
  /// LFS pointer is in the file's place.
  public init(path: String) throws {
    let file = try MappedFile(path: path)
    try GitLFSPointer.check(file.bytes, path: path)
    self = try withExtendedLifetime(file) {
      try FileError.readingJSON { try JSONDocument(bytes: file.bytes, path: path) }
    }
  }
}
