/// The buffers that some work needs: counted before any memory is taken, then taken in one piece.
///
/// A buffer's size is stated once, where it is added. Who wants to know how much memory the work will
/// take asks for `bytes`; who does the work makes `Buffers` of the plan.
public struct BufferPlan: Sendable {
  /// One buffer of a plan.
  public struct Slot<Element: BitwiseCopyable>: Sendable {
    public let count: Int
    fileprivate let offset: Int
  }

  /// Bytes of all buffers, those between them included. At most 2^56: far above the memory of any
  /// host, and low enough that no sum over ranks overflows.
  public private(set) var bytes = 0

  static let limit = 1 << 48
  private static let alignment = 64

  public init() {}

  /// Adds a buffer of as many elements as the product of `factors` says; it begins a cache line.
  public mutating func add<Element: BitwiseCopyable>(
    _ factors: Int..., of type: Element.Type = Element.self
  ) -> Slot<Element> {
    let count = Self.product(factors)
    let slot = Slot<Element>(count: count, offset: bytes)
    let size = Self.product([count, MemoryLayout<Element>.stride])
    bytes += (size + Self.alignment - 1) / Self.alignment * Self.alignment
    precondition(bytes < 1 << 56, "a plan has no more than some hundred buffers")
    return slot
  }

  /// The product, or the limit where it is more.
  private static func product(_ factors: [Int]) -> Int {
    factors.reduce(1) { product, factor in
      precondition(factor >= 0, "a buffer has no negative size")
      let (next, overflow) = product.multipliedReportingOverflow(by: factor)
      return overflow ? limit : min(next, limit)
    }
  }
}

/// The memory of a plan, zero when it is new. Pages that are not written cost nothing.
public final class Buffers {
  private let memory: AlignedBuffer<UInt8>

  public init(_ plan: BufferPlan) { memory = AlignedBuffer(count: plan.bytes) }

  public var bytes: Int { memory.count }

  /// Where a buffer of the plan begins.
  public subscript<Element>(_ slot: BufferPlan.Slot<Element>) -> UnsafeMutablePointer<Element> {
    precondition(
      slot.offset + slot.count * MemoryLayout<Element>.stride <= memory.count,
      "a buffer of the plan")
    return UnsafeMutableRawPointer(memory.pointer + slot.offset).assumingMemoryBound(
      to: Element.self)
  }

  /// The same for memory without a type, such as matrix input.
  public subscript(raw slot: BufferPlan.Slot<UInt8>) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(self[slot])
  }
}
