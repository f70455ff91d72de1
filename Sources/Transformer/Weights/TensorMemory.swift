import Kernels

/// Zeroed memory for bfloat16 elements, aligned to cache lines, freed with the last reference to
/// it.
///
/// It is filled where it is made and only read once it is shared, which is what makes it safe to
/// send.
final class TensorMemory: @unchecked Sendable {
  let elements: UnsafeMutableBufferPointer<BFloat16>
  private let memory: AlignedBuffer<BFloat16>

  init(count: Int) {
    memory = AlignedBuffer(count: count)
    elements = UnsafeMutableBufferPointer(start: memory.pointer, count: count)
  }
}
