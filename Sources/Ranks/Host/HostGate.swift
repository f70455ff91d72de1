import CSystemShims
import Glibc
import MPI
import Synchronization

/// Where the ranks of a host wait for each other, in memory that they share: each that comes raises one
/// number, and the last one another, which the others look at.
///
/// A barrier of MPI's has several steps, each of which waits until some rank runs.
final class HostGate {
  /// Of the memory; the numbers in it have cache lines of their own.
  static let bytes = 4096

  private let ranks: Int
  private let communicator: Communicator
  private let arrived: UnsafeMutablePointer<Atomic<Int>>
  /// Meetings that all ranks have come to, modulo 2^32.
  private let opened: UnsafeMutablePointer<Atomic<UInt32>>
  /// Ranks that sleep until that changes. Raised before they look a last time, and read after the number
  /// has been raised: one of both sees the other.
  private let sleeping: UnsafeMutablePointer<Atomic<Int>>
  private let yieldsBeforeSleep: Int
  /// How often the ranks have met.
  private var meetings = 0

  /// Who sleeps shows so often that it lives.
  private static let sleepNanoseconds = 50_000_000
  /// To wake a rank takes a while, so who wakes up takes part in it.
  private static let wokenByEach: Int32 = 2

  /// - Parameters:
  ///   - memory: so many bytes that these ranks share, zero at first, which outlive the gate.
  ///   - communicator: says how to wait, and what to do meanwhile.
  ///   - haveCores: whether each of these ranks has a core, though ranks share cores: then it looks for
  ///     some tens of microseconds before it sleeps.
  init(
    _ memory: UnsafeMutableRawPointer, ranks: Int, communicator: Communicator, haveCores: Bool
  ) {
    self.ranks = ranks
    self.communicator = communicator
    yieldsBeforeSleep = haveCores ? 100 : 2
    arrived = memory.assumingMemoryBound(to: Atomic<Int>.self)
    opened = (memory + 128).assumingMemoryBound(to: Atomic<UInt32>.self)
    sleeping = (memory + 256).assumingMemoryBound(to: Atomic<Int>.self)
  }

  /// Returns when all ranks have come here, and sees what they have written before.
  func meet() {
    guard ranks > 1 else { return }
    meetings += 1
    let count = arrived.pointee.wrappingAdd(1, ordering: .acquiringAndReleasing).newValue
    guard count < meetings * ranks else {
      opened.pointee.store(
        UInt32(truncatingIfNeeded: meetings), ordering: .sequentiallyConsistent)
      return wakeSome()
    }
    guard communicator.waitPolicy == .yield else {
      return communicator.wait { isOpen(opened.pointee.load(ordering: .acquiring)) }
    }
    // Where ranks share cores, whoever waits leaves its core to those that are waited for.
    for _ in 0..<yieldsBeforeSleep {
      if isOpen(opened.pointee.load(ordering: .acquiring)) { return }
      sched_yield()
    }
    sleeping.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    while true {
      let seen = opened.pointee.load(ordering: .sequentiallyConsistent)
      if isOpen(seen) { break }
      rf_sleep_while(opened, seen, Self.sleepNanoseconds)
      communicator.tick()
    }
    sleeping.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    wakeSome()
  }

  /// Those that have slept longest: of this meeting, if there are any left.
  private func wakeSome() {
    guard sleeping.pointee.load(ordering: .sequentiallyConsistent) > 0 else { return }
    rf_wake(opened, Self.wokenByEach)
  }

  private func isOpen(_ opened: UInt32) -> Bool {
    Int32(bitPattern: opened &- UInt32(truncatingIfNeeded: meetings)) >= 0
  }
}
