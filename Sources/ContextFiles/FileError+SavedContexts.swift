import Files
import SystemPackage

extension FileError {
  /// What the system refused when something was to be written at `path`, told apart by what to do.
  static func writing(_ path: String, _ code: Errno = .last) -> FileError {
    let problem =
      switch code {
      case .noSpace, .diskQuotaExceeded:
        "the disk is full; make room on it, or name a folder on another one"
      case .readOnlyFileSystem, .permissionDenied, .notPermitted:
        "cannot be written, the folder is read-only; change its permissions, or name another folder"
      case .fileTooLarge:
        "would exceed the limit on the size of files; raise it ('ulimit -f', or the batch system's)"
      case .noSuchFileOrDirectory:
        "cannot be created, the folder around it is not there; make it first"
      default: "cannot be written; check the disk, or name another folder"
      }
    return FileError(.writeFailed, "\(path): \(problem) (\(code))", code: code)
  }

  /// A file of a saved context that is not what was saved.
  static func damaged(
    _ path: String, _ problem: String, _ kind: Kind = .malformed
  ) -> FileError {
    FileError(kind, "\(path): \(problem); copy it here again, or save the context anew")
  }
}
