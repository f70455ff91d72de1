import CAllocationCounter
import Foundation
import Kernels
import Synchronization

/// Counts how often some work takes memory from the system.
package enum AllocationCounter {
  /// False where a sanitizer or a C library other than glibc allocates.
  package static var isAvailable: Bool { allocation_counter_is_available() }

  private static let counting = NSLock()

  /// What was taken.
  package struct Count {
    /// Allocations and mappings.
    package let allocations: Int
    /// Where the first one was made: a line for each function on the stack, innermost first.
    package let first: String
  }

  /// Calls `body`, and counts what it takes on the calling thread and on the others of the team.
  ///
  /// There is one counter in a process, so one count waits for another.
  package static func count(on team: ThreadTeam, _ body: () throws -> Void) rethrows -> Count {
    counting.lock()
    defer { counting.unlock() }
    allocation_counter_reset()
    onEveryThread(of: team, allocation_counter_begin)
    defer { onEveryThread(of: team, allocation_counter_end) }
    try body()
    allocation_counter_end()
    return Count(allocations: allocation_counter_count(), first: firstStack())
  }

  private static func onEveryThread(of team: ThreadTeam, _ body: () -> Void) {
    let arrived = Atomic<Int>(0)
    team.forEach(team.threads) { _, _ in
      body()
      arrived.wrappingAdd(1, ordering: .relaxed)
      // So that no thread takes two of the items.
      while arrived.load(ordering: .relaxed) < team.threads { sched_yield() }
    }
  }

  private static func firstStack() -> String {
    var count = 0
    guard let names = allocation_counter_first(&count) else { return "" }
    defer { free(names) }
    return (0..<count).map { String(cString: names[$0]!) + "\n" }.joined()
  }
}
