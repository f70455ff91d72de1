import CSystemShims
import Foundation
import SystemPackage

/// A whole file, mapped into memory for reading. All processes of a host that map the same file
/// share its pages.
///
/// Reading past the new end of a file that is cut short while it is mapped, or what its disk cannot
/// give, raises SIGBUS; the handler of signals knows the file and names it.
public final class MappedFile: @unchecked Sendable {
  public let path: String
  /// All bytes of the file, at least one; valid as long as this object lives. The start is aligned
  /// to a page.
  public let bytes: UnsafeRawBufferPointer
  /// `path` for the handler of signals.
  private let name: UnsafeMutablePointer<CChar>?

  /// Throws `FileError`: `notFound` for a missing path and for one that is no regular file,
  /// `unreadable` where the system refuses, `malformed` for an empty file.
  public init(path: String) throws(FileError) {
    let descriptor = try Errno.explained {
      // A named pipe without a writer would block the opening; this lets it through to the check
      // below.
      try FileDescriptor.open(
        FilePath(text: path), .readOnly, options: [.closeOnExec, .nonBlocking])
    } by: { code in
      code == .noSuchFileOrDirectory || code == .notDirectory
        ? FileError(.notFound, "\(path): there is no such file; check the path", code: code)
        : FileError(.unreadable, path, "cannot be opened", code, "check its permissions")
    }
    defer { try? descriptor.close() }

    let status = try Errno.explained {
      try Stat(descriptor)
    } by: {
      FileError(.unreadable, path, "its size cannot be read", $0, "check the disk")
    }
    switch status.type {
    case .regular: break
    case .directory: throw FileError(.notFound, "\(path): is a directory; name a file")
    default: throw FileError(.notFound, "\(path): is not a regular file; name one")
    }
    let count = Int(status.size)
    guard count > 0 else {
      throw FileError(.malformed, "\(path): is empty; download or write it again")
    }
    guard let start = mmap(nil, count, PROT_READ, MAP_SHARED, descriptor.rawValue, 0),
      start != MAP_FAILED
    else {
      throw FileError(
        .unreadable, path, "cannot be mapped into memory", .last,
        "check the limits on address space")
    }
    self.path = path
    bytes = UnsafeRawBufferPointer(start: start, count: count)
    name = strdup(path)
    rf_know_mapping(start, count, name)
  }

  /// Says that some of the bytes will not be read soon: their pages count no more as this process's, and
  /// are read again where somebody does.
  public func letGo(of part: UnsafeRawBufferPointer) {
    let page = Int(getpagesize())
    let start = (Int(bitPattern: part.baseAddress) + page - 1) / page * page
    let end = (Int(bitPattern: part.baseAddress) + part.count) / page * page
    guard start < end else { return }
    madvise(UnsafeMutableRawPointer(bitPattern: start), end - start, MADV_DONTNEED)
  }

  deinit {
    rf_forget_mapping(bytes.baseAddress)
    free(name)
    munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
  }
}
