import Foundation

/// A whole file, mapped into memory for reading. All processes of a host that map the same file
/// share its pages.
///
/// The file must not be cut short while it is mapped: reading past the new end would end the
/// process.
public final class MappedFile: @unchecked Sendable {
  public let path: String
  /// All bytes of the file, at least one; valid as long as this object lives. The start is aligned
  /// to a page.
  public let bytes: UnsafeRawBufferPointer

  /// Throws `ModelFileError`: `notFound` for a missing path and for one that is no regular file,
  /// `unreadable` where the system refuses, `malformed` for an empty file.
  public init(path: String) throws {
    // A named pipe without a writer would block the opening; O_NONBLOCK lets it through to the
    // check below.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      if code == ENOENT || code == ENOTDIR {
        throw ModelFileError(.notFound, "\(path): there is no such file; check the path")
      }
      throw ModelFileError(
        .unreadable, "\(path): cannot be opened (\(systemErrorText(code))); check its permissions")
    }
    defer { close(descriptor) }

    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw ModelFileError(
        .unreadable, "\(path): its size cannot be read (\(systemErrorText())); check the disk")
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR:
      throw ModelFileError(.notFound, "\(path): is a directory; name a file")
    default:
      throw ModelFileError(.notFound, "\(path): is not a regular file; name one")
    }
    guard status.st_size > 0 else {
      throw ModelFileError(.malformed, "\(path): is empty; download or write it again")
    }
    let count = Int(status.st_size)
    guard let start = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor, 0), start != MAP_FAILED
    else {
      throw ModelFileError(
        .unreadable,
        "\(path): cannot be mapped into memory (\(systemErrorText())); check the limits "
          + "on address space")
    }
    self.path = path
    bytes = UnsafeRawBufferPointer(start: start, count: count)
  }

  deinit {
    munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
  }
}
