// Tests run in one process for all modules, in which MPI starts once and only the thread that started
// it may call it; so there is one thread for them all.

import Foundation
import MPI

/// The actor of all tests that call MPI. Not the main actor, whose jobs move between threads on
/// Linux.
@globalActor package actor MPIThread {
  package static let shared = MPIThread()
  private static let executor = ThreadExecutor()

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    Self.executor.asUnownedSerialExecutor()
  }
}

/// The ranks of this run. MPI starts when a test first asks for them, and is finished as the process
/// exits.
@MPIThread package let world: Communicator = {
  atexit {
    let finished = DispatchSemaphore(value: 0)
    Task { @MPIThread in
      do { try MPIEnvironment.finish() } catch { print(error) }
      finished.signal()
    }
    finished.wait()
  }
  do { return try MPIEnvironment.start() } catch { fatalError("\(error)") }
}()

/// Runs its jobs one after the other on one thread that lives as long as the process.
private final class ThreadExecutor: SerialExecutor {
  private let condition = NSCondition()
  nonisolated(unsafe) private var jobs: [UnownedJob] = []  // guarded by `condition`

  init() {
    Thread { [self] in
      while true { nextJob().runSynchronously(on: asUnownedSerialExecutor()) }
    }.start()
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    condition.withLock { jobs.append(job) }
    condition.signal()
  }

  private func nextJob() -> UnownedJob {
    condition.lock()
    defer { condition.unlock() }
    while jobs.isEmpty { condition.wait() }
    return jobs.removeFirst()
  }
}
