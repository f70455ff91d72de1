import Foundation
import Kernels
import Synchronization
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: AllocationCounter.isAvailable))
struct AllocationCounterTests {
  private final class Box {
    var value: [Int] = []
  }

  @Test(arguments: [1, 2, 5])
  func allocationsOfTheTeamCount(threads: Int) {
    let team = ThreadTeam(threads: threads, spins: 0)
    let nothing = AllocationCounter.count(on: team) {}
    #expect(nothing.allocations == 0 && nothing.first.isEmpty)

    let boxes = (0..<threads).map { _ in Box() }
    let own = AllocationCounter.count(on: team) {
      boxes[0].value = [Int](repeating: 1, count: 1000)
    }
    #expect(own.allocations == 1 && !own.first.isEmpty)

    let mapping = AllocationCounter.count(on: team) {
      AlignedBuffer<Float>(count: 10).pointer[9] = 1
    }
    #expect(mapping.allocations == 1)

    // Each of the threads waits for the others, so that each takes one item.
    let count = Mutex(0)
    let all = AllocationCounter.count(on: team) {
      team.forEach(threads) { item, _ in
        boxes[item].value = [Int](repeating: 2, count: 1000)
        count.withLock { $0 += 1 }
        while count.withLock({ $0 }) < threads { sched_yield() }
      }
    }
    #expect(all.allocations >= threads)
    #expect(boxes.allSatisfy { $0.value.count == 1000 })
  }

  @Test func whatOtherThreadsTakeDoesNotCount() {
    let team = ThreadTeam(threads: 1)
    let (asked, answered) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    Thread {
      asked.wait()
      withExtendedLifetime([Int](repeating: 1, count: 1000)) {}
      answered.signal()
    }.start()
    let count = AllocationCounter.count(on: team) {
      asked.signal()
      answered.wait()
    }
    #expect(count.allocations == 0)
  }
}
