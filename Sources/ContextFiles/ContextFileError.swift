import Foundation
import ModelFiles

/// What is wrong with a saved context, in one sentence that names the file and what to do.
public struct ContextFileError: Error, Equatable, Sendable, CustomStringConvertible,
  LocalizedError
{
  public enum Kind: Sendable {
    /// A file, the folder or the saved context in it is not there.
    case notFound
    /// Its bytes are not those that were saved.
    case malformed
    /// Written by a later ringflash, in a form that this one does not know.
    case newerFormat
    /// Whole, but of another model, precision or instruction set.
    case mismatch
    /// The system refused to read it.
    case unreadable
    /// It cannot be written.
    case writeFailed
  }

  public let kind: Kind
  public let description: String

  public init(_ kind: Kind, _ description: String) {
    self.kind = kind
    self.description = description
  }

  public var errorDescription: String? { description }

  /// What a failed call that writes at `path` left in `errno`, told apart by what to do.
  static func writing(_ path: String, _ code: Int32 = errno) -> ContextFileError {
    let problem =
      switch code {
      case ENOSPC, EDQUOT: "the disk is full; make room on it, or name a folder on another one"
      case EROFS, EACCES, EPERM:
        "cannot be written, the folder is read-only; change its permissions, or name another folder"
      case EFBIG:
        "would exceed the limit on the size of files; raise it ('ulimit -f', or the batch system's)"
      case ENOENT: "cannot be created, the folder around it is not there; make it first"
      default: "cannot be written; check the disk, or name another folder"
      }
    return ContextFileError(.writeFailed, "\(path): \(problem) (\(systemText(code)))")
  }

  /// Why a file cannot be read; one that is not there counts as missing from a saved context.
  init(_ error: ModelFileError, path: String) {
    switch error.kind {
    case .notFound:
      self.init(
        .notFound,
        "\(path): this file of the saved context is missing; \(Self.remedy)")
    case .malformed, .unsupported:
      self.init(.malformed, "\(path): is empty; \(Self.remedy)")
    case .unreadable: self.init(.unreadable, error.description)
    case .writeFailed: self.init(.writeFailed, error.description)
    }
  }

  /// What helps where a file is not what was saved.
  static let remedy = "copy it here again, or save the context anew"

  static func systemText(_ code: Int32) -> String { String(cString: strerror(code)) }
}
