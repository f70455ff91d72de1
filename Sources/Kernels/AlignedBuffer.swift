import Glibc

/// Memory of fixed capacity, zero when it is new and aligned to a page: large tensors, KV blocks,
/// scratch.
///
/// Pages are taken from the operating system when they are first written, so what is reserved and
/// not used costs nothing.
@safe
public struct AlignedBuffer<Element: BitwiseCopyable>: ~Copyable {
  /// Elements.
  public let count: Int
  public let pointer: UnsafeMutablePointer<Element>

  public init(count: Int) {
    precondition(count >= 0, "a buffer has no negative size")
    self.count = count
    let bytes = Self.mappedBytes(count)
    let memory = mmap(
      nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let memory, memory != MAP_FAILED else {
      MemoryExhaustion.end(bytes: bytes, code: errno)
    }
    if bytes >= 1 << 22 { madvise(memory, bytes, MADV_HUGEPAGE) }
    pointer = memory.bindMemory(to: Element.self, capacity: count)
  }

  deinit {
    munmap(pointer, Self.mappedBytes(count))
  }

  private static func mappedBytes(_ count: Int) -> Int {
    max(count * MemoryLayout<Element>.stride, 1)
  }

  public var bytes: Int { count * MemoryLayout<Element>.stride }

  /// For collections and tests; a kernel takes `pointer`.
  public var elements: UnsafeMutableBufferPointer<Element> {
    UnsafeMutableBufferPointer(start: pointer, count: count)
  }
}
