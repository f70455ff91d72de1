import MPI
import Synchronization

/// Lets one rank of a host speak for all: what ends one rank ends the others soon after, each of which
/// would say so too.
final class Voice: Sendable {
  /// `[1]`, of the ranks of a host together; nil where they can share none.
  private let shared: SharedMemory?
  private let own = Atomic<Bool>(false)

  /// A collective.
  ///
  /// - Throws: `MPIError`.
  init(host: Communicator) throws {
    do {
      shared = try SharedMemory(byteCount: MemoryLayout<Atomic<Bool>>.stride, host: host)
    } catch is SharedMemoryError {
      shared = nil
    }
  }

  /// Whether nobody has spoken yet. For any thread; true once.
  func claim() -> Bool {
    guard let memory = shared?.bytes.baseAddress else {
      return !own.exchange(true, ordering: .relaxed)
    }
    let flag = memory.assumingMemoryBound(to: Atomic<Bool>.self)
    return !flag.pointee.exchange(true, ordering: .relaxed)
  }
}
