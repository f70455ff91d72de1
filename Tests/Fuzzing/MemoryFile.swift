import Foundation

/// A file without a place on a disk, for what is read by path.
struct MemoryFile {
  private let descriptor: Int32
  let path: String

  init() {
    var template = Array("/dev/shm/ringflash-fuzz-XXXXXX".utf8CString)
    descriptor = mkstemp(&template)
    precondition(descriptor >= 0, "no file in memory")
    unlink(template)
    path = "/proc/self/fd/\(descriptor)"
  }

  /// Makes `bytes` its contents.
  func hold(_ bytes: UnsafeRawBufferPointer) {
    precondition(ftruncate(descriptor, 0) == 0)
    precondition(pwrite(descriptor, bytes.baseAddress, bytes.count, 0) == bytes.count)
  }
}
