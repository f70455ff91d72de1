import Foundation
import Kernels
import Synchronization
import Testing

struct ThreadTeamTests {
  /// How often each of `count` items ran. Each thread counts in a row of its own, so the test
  /// itself has no race.
  private func runs(_ team: ThreadTeam, count: Int, rounds: Int = 1) -> [Int] {
    let counts = AlignedBuffer<Int>(count: team.threads * max(count, 1))
    let rows = Rows(start: counts.pointer, columns: max(count, 1))
    for _ in 0..<rounds {
      team.forEach(count) { item, thread in rows.add(thread, item) }
    }
    return (0..<count).map { item in
      (0..<team.threads).reduce(0) { $0 + counts.pointer[$1 * max(count, 1) + item] }
    }
  }

  private struct Rows: @unchecked Sendable {
    let start: UnsafeMutablePointer<Int>
    let columns: Int

    func add(_ row: Int, _ column: Int) { start[row * columns + column] += 1 }
  }

  @Test(arguments: [1, 2, 3, 16, 128])
  func everyItemRunsOnce(threads: Int) {
    for spins in [0, 2000] {
      let team = ThreadTeam(threads: threads, spins: spins)
      #expect(team.threads == threads)
      for count in [0, 1, 2, 1000] {
        #expect(
          runs(team, count: count).allSatisfy { $0 == 1 }, "\(count) items, \(spins) spins")
      }
    }
  }

  /// Also finds workers that keep the body for longer than the call: that stops the process.
  @Test(arguments: [
    (2, 0, 20_000), (3, 2000, 5_000), (4, 0, 100_000), (16, 0, 10_000), (128, 0, 200),
  ])
  func thousandsOfRoundsLoseNothing(threads: Int, spins: Int, rounds: Int) {
    let team = ThreadTeam(threads: threads, spins: spins)
    let count = 2 * threads
    #expect(runs(team, count: count, rounds: rounds).allSatisfy { $0 == rounds })
  }

  /// Counts change from call to call, and results of one call are operands of the next.
  @Test func roundsFollowEachOther() {
    let team = ThreadTeam(threads: 3, spins: 0)
    let values = AlignedBuffer<Int>(count: 100)
    let row = Rows(start: values.pointer, columns: 0)
    for round in 0..<3_000 {
      team.forEach(round % 101) { item, _ in row.add(0, item) }
    }
    for item in 0..<100 {
      #expect(values.pointer[item] == (0..<3_000).count { $0 % 101 > item }, "item \(item)")
    }
  }

  @Test(arguments: [1, 2, 16])
  func allThreadsWorkAtOnce(threads: Int) {
    let team = ThreadTeam(threads: threads, spins: 0)
    let arrived = Atomic<Int>(0)
    var hasWorked = [Bool](repeating: false, count: threads)
    // No item ends before every thread has one: this returns only if all of them work.
    hasWorked.withUnsafeMutableBufferPointer { hasWorked in
      team.forEach(threads) { _, thread in
        hasWorked[thread] = true
        arrived.wrappingAdd(1, ordering: .releasing)
        while arrived.load(ordering: .acquiring) < threads { sched_yield() }
      }
    }
    #expect(hasWorked.allSatisfy { $0 })
  }

  @Test(arguments: [1, 2, 16], [0, 1, 2, 100])
  func betweenItemsRunsOnTheCallingThread(threads: Int, count: Int) {
    let team = ThreadTeam(threads: threads, spins: 0)
    let caller = pthread_self()
    var calls = 0
    var elsewhere = 0
    let itemsOfCaller = Atomic<Int>(0)
    func betweenItems() {
      calls += 1
      if pthread_equal(caller, pthread_self()) == 0 { elsewhere += 1 }
    }
    team.forEach(count, betweenItems: betweenItems) { _, thread in
      let isCaller = pthread_equal(caller, pthread_self()) != 0
      if isCaller { itemsOfCaller.wrappingAdd(1, ordering: .relaxed) }
      if isCaller != (thread == 0) { Issue.record("thread \(thread) is not who it says") }
    }
    #expect(elsewhere == 0)
    #expect(calls >= itemsOfCaller.load(ordering: .relaxed))
  }

  /// While a worker is busy with the last item, the calling thread keeps calling.
  @Test func betweenItemsRunsWhileOthersWork() {
    let team = ThreadTeam(threads: 2, spins: 0)
    let calls = Atomic<Int>(0)
    let hasBegun = Atomic<Bool>(false)
    func betweenItems() { calls.wrappingAdd(1, ordering: .relaxed) }
    team.forEach(2, betweenItems: betweenItems) { _, thread in
      guard thread != 0 else {
        while !hasBegun.load(ordering: .acquiring) { sched_yield() }
        return
      }
      hasBegun.store(true, ordering: .releasing)
      let before = calls.load(ordering: .relaxed)
      let end = ContinuousClock.now + .seconds(5)
      while calls.load(ordering: .relaxed) < before + 3, ContinuousClock.now < end { sched_yield() }
      #expect(calls.load(ordering: .relaxed) >= before + 3)
    }
  }

  @Test(arguments: [0, 2000])
  func theEndOfATeamEndsItsThreads(spins: Int) {
    var team: ThreadTeam? = ThreadTeam(threads: 8, spins: spins)
    var directories = [String](repeating: "none", count: 8)
    let arrived = Atomic<Int>(0)
    directories.withUnsafeMutableBufferPointer { directories in
      team!.forEach(8) { _, thread in
        // "PID/task/TID"
        let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
        directories[thread] = link ?? "none"
        arrived.wrappingAdd(1, ordering: .releasing)
        while arrived.load(ordering: .acquiring) < 8 { sched_yield() }
      }
    }
    let workers = directories.dropFirst()
    #expect(Set(directories).count == 8)
    weak let ended = team
    team = nil
    #expect(ended == nil)
    // The kernel lists a thread for a moment longer than it is waited for.
    let end = ContinuousClock.now + .seconds(5)
    func isAlive(_ worker: String) -> Bool { access("/proc/\(worker)", F_OK) == 0 }
    while workers.contains(where: isAlive), ContinuousClock.now < end { usleep(1000) }
    #expect(!workers.contains(where: isAlive))
  }

  @Test func teamsThatNeverWorkedEndToo() {
    for threads in [1, 2, 16] {
      for _ in 0..<50 { _ = ThreadTeam(threads: threads) }
    }
  }
}
