import Files
import SystemPackage

/// The text of a few lines that Git has in the place of a large file, until Git LFS fetches it
/// (https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md).
public enum GitLFSPointer {
  private static let start = "version https://git-lfs.github.com/spec/v1"

  /// Throws `FileError.malformed`, with the way to the file itself, where `bytes` are a pointer.
  static func check(_ bytes: UnsafeRawBufferPointer, path: String) throws(FileError) {
    if bytes.starts(with: start.utf8) { throw error(path) }
  }

  /// The same of a file that is not read here. Throws only where it is a pointer.
  public static func check(path: String) throws(FileError) {
    guard FilePath(text: path).type == .regular,
      let file = try? FileDescriptor.open(FilePath(text: path), .readOnly, options: .closeOnExec)
    else { return }
    defer { try? file.close() }
    let beginning = (try? file.read(upTo: start.utf8.count)) ?? []
    if beginning.elementsEqual(start.utf8) { throw error(path) }
  }

  private static func error(_ path: String) -> FileError {
    FileError(
      .malformed,
      "\(path): is a Git LFS pointer, not the file itself; fetch the file with 'git lfs pull' in "
        + "its repository, or the model with 'hf download'")
  }
}
