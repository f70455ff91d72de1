import Files
import Foundation
import SystemPackage

/// A file that is written once, at the end of a long run.
///
/// Creating the value checks that the file can be written, so that hours of work are not lost to
/// a missing directory; `write` then replaces it as a whole, so that nobody ever reads half of it.
public struct ReportFile: Sendable {
  /// The path as it was given.
  public let path: String
  private let place: FilePath
  /// A device or a pipe (`/dev/stdout`), which is written to and must never be replaced.
  private let isStream: Bool

  /// Checks that `path` can be written. An existing file stays as it is, and no file is left.
  ///
  /// - Throws: `FileError` of the kind `writeFailed` if `path` is a directory or write-protected, or
  ///   if its directory is missing or cannot be written.
  public init(path: String) throws(FileError) {
    self.path = path
    place = FilePath(text: path)
    guard !path.isEmpty else { throw Self.failure(path, "the path is empty; name a file") }
    switch try Self.type(of: place, path) {
    case .directory?: throw Self.failure(path, "it is a directory; name a file in it")
    case let type?:
      do throws(Errno) {
        try place.checkAccess(W_OK)
      } catch {
        throw Self.failure(path, "\(words(error)); choose another path")
      }
      isStream = type != .regular
    case nil: isStream = false
    }
    if !isStream {
      try checkDirectory()
      _ = try replacement()
    }
  }

  /// Writes `contents`, replacing the file as a whole if there is one.
  ///
  /// - Throws: `FileError` of the kind `writeFailed` if the file system refuses, for example because
  ///   it is full; the former file is then still there.
  public func write(_ contents: Data) throws(FileError) {
    if isStream {
      try Errno.explained {
        let descriptor = try FileDescriptor.open(place, .writeOnly)
        defer { try? descriptor.close() }
        try descriptor.writeAll(contents)
      } by: {
        Self.failure(path, words($0))
      }
      return
    }
    let file = try replacement()
    do {
      try file.append(contents)
      try file.commit()
    } catch {
      throw Self.failure(path, error.code.map(words) ?? error.description)
    }
  }

  private var directory: FilePath { place.endOfLinks.removingLastComponent().orWorkingFolder }

  private func checkDirectory() throws(FileError) {
    let status = try Errno.explained {
      try Stat(directory)
    } by: { code in
      Self.failure(
        path,
        code == .noSuchFileOrDirectory
          ? "the directory '\(directory)' does not exist; create it or choose another path"
          : "the directory '\(directory)' cannot be reached (\(words(code)))")
    }
    guard status.type == .directory else {
      throw Self.failure(path, "'\(directory)' is not a directory")
    }
  }

  private func replacement() throws(FileError) -> ReplacementFile {
    do {
      return try ReplacementFile(path: path)
    } catch {
      throw Self.failure(
        path,
        error.code.map {
          "no file can be created in '\(directory)' (\(words($0))); choose another path"
        } ?? error.description)
    }
  }

  /// What is at `path`; nil where nothing is there, or where what is wrong with its directory is to be
  /// said.
  private static func type(of place: FilePath, _ path: String) throws(FileError) -> FileType? {
    do {
      return try Stat(place).type
    } catch .noSuchFileOrDirectory, .notDirectory {
      return nil
    } catch {
      throw failure(path, "\(words(error)); choose another path")
    }
  }

  /// - Parameter reason: why, and what to do about it.
  private static func failure(_ path: String, _ reason: String) -> FileError {
    FileError(.writeFailed, "cannot write '\(path)': \(reason)")
  }
}

/// The system's words without a capital letter, to stand inside a sentence.
private func words(_ code: Errno) -> String {
  let words = code.description
  return words.prefix(1).lowercased() + words.dropFirst()
}
