import Kernels

/// Zeroed memory for bfloat16 elements, aligned to cache lines, freed with the last reference to
/// it.
///
/// It is filled where it is made and only read once it is shared, which is what makes it safe to
/// send.
final class TensorMemory: @unchecked Sendable {
  let elements: UnsafeMutableBufferPointer<BFloat16>

  init(count: Int) {
    let raw = UnsafeMutableRawBufferPointer.allocate(
      byteCount: count * MemoryLayout<BFloat16>.stride, alignment: 64)
    elements = raw.bindMemory(to: BFloat16.self)
    elements.initialize(repeating: BFloat16(bitPattern: 0))
  }

  deinit {
    elements.deallocate()
  }
}
