import Foundation
import MPI
import Ranks
import TestSupport
import Testing

extension RankTests {
  /// One error, one message, on every rank alike.
  @Suite @MPIThread struct JobTests {
    private struct Problem: Error {
      let text: String
    }

    /// Calls `body` with a job of all ranks, which ends in order.
    private func withJob(_ body: (Job) throws -> Void) throws {
      let job = try Job(
        world,
        describing: { error in
          if let failure = error as? Failure { return failure }
          return Failure(.badData, (error as? Problem)?.text ?? "\(error)")
        },
        reporting: { Issue.record("the job ends: \($0.sentence)") })
      try body(job)
      try job.finish()
      #expect(world.whileWaiting == nil)
    }

    /// The failure that every rank throws, which all must find the same.
    private func agreedFailure(_ body: () throws -> Void) throws -> Failure? {
      let failure = #expect(throws: AgreedFailure.self) { try body() }?.failure
      let text = "\(failure?.exitCode.rawValue ?? 0) \(failure?.sentence ?? "")"
      let first = try world.broadcast(array: Array(text.utf8), from: 0)
      #expect(text == String(decoding: first, as: UTF8.self))
      return failure
    }

    @Test func whatTheRootFindsIsEveryRanks() throws {
      try withJob { job in
        #expect(try job.onRoot { [job.rank, 7] } == [0, 7])
        var calls = 0
        try job.runOnRoot { calls += 1 }
        #expect(calls == (world.rank == 0 ? 1 : 0))
        let failure = try agreedFailure { try job.runOnRoot { throw Problem(text: "no context") } }
        #expect(failure == Failure(.badData, "no context"))
      }
    }

    /// The message names the rank, unless it is the one that speaks.
    @Test func theLowestRankThatFailsIsEveryRanks() throws {
      try withJob { job in
        #expect(try job.onEveryRank { job.rank } == world.rank)
        for first in 0..<world.size {
          let failure = try agreedFailure {
            try job.onEveryRank {
              guard job.rank >= first else { return }
              throw Failure(.inputOutput, "rank \(job.rank) cannot write")
            }
          }
          let sentence = "rank \(first) cannot write"
          let named = "rank \(first) on \(MPIEnvironment.processorName): \(sentence)"
          #expect(failure == Failure(.inputOutput, first == 0 ? sentence : named))
        }
      }
    }

    @Test func valuesOfAllRanksAreGatheredOnTheRoot() throws {
      try withJob { job in
        let texts = try job.gather("rank \(job.rank)")
        #expect(texts == (job.isRoot ? (0..<world.size).map { "rank \($0)" } : nil))
      }
    }

    @Test func allRanksAreOneProgramWithOneVersionAndTheSameArguments() throws {
      try withJob { job in
        try job.checkStart(arguments: ["--seed", "1"], version: "1.0")
        guard world.size > 1 else { return }
        let isLast = job.rank == world.size - 1
        let arguments = try agreedFailure {
          try job.checkStart(arguments: ["--seed", isLast ? "2" : "1"], version: "1.0")
        }
        #expect(arguments?.exitCode == .unavailable)
        #expect(arguments?.sentence.contains("other arguments than rank 0") == true)
        let version = try agreedFailure {
          try job.checkStart(arguments: [], version: isLast ? "1.1" : "1.0")
        }
        #expect(version?.exitCode == .unavailable)
        #expect(
          version?.sentence.contains("this is ringflash 1.1, rank 0 on ") == true,
          "\(version?.sentence ?? "")")
      }
    }

    @Test func moreMemoryThanTheHostHasIsAFailure() throws {
      try withJob { job in
        try job.checkMemory(1, shared: 1, for: "a test", remedy: "none")
        let failure = try agreedFailure {
          try job.checkMemory(
            job.rank == 0 ? 1 : 1 << 50, shared: 1 << 50, for: "a test", remedy: "take less")
        }
        #expect(failure?.exitCode == .unavailable)
        #expect(failure?.sentence.hasSuffix("; take less") == true)
        #expect(failure?.sentence.contains(" GB for a test, ") == true)
      }
    }

    @Test func workOnAnotherThreadLeavesThisOneToTheWaits() throws {
      try withJob { job in
        #expect(try job.onAnotherThread { Thread.isMainThread } == false)
        #expect(throws: Problem.self) {
          try job.onAnotherThread { throw Problem(text: "no input") }
        }
        var calls = 0
        world.whileWaiting = { calls += 1 }
        try job.onAnotherThread { _ = usleep(200_000) }
        #expect(calls > 0)
      }
    }

    @Test func oneInterruptionIsListenedFor() throws {
      try withJob { job in
        let interruption = try job.listenForInterruption()
        #expect(try job.listenForInterruption() === interruption)
        #expect(!interruption.isRequested)
      }
    }
  }
}
