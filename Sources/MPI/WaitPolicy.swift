import CSystemShims
import Glibc

/// What a rank does while it waits for MPI. Every wait is a loop of `MPI_Test`, because the
/// blocking calls of most MPI libraries spin, which starves the very ranks that are waited for
/// where ranks share cores.
public enum WaitPolicy: String, Hashable, Sendable, CaseIterable {
  /// Test again at once: the shortest wait, for ranks that have their cores to themselves.
  case spin
  /// Give the core away between two tests, and sleep for moments when that does not help: safe
  /// everywhere.
  case yield

  /// `.spin` if every thread of every rank on a host has a core to itself, else `.yield`.
  ///
  /// - Parameters:
  ///   - ranksOnHost: the size of `Communicator.hostCommunicator()`.
  ///   - threadsPerRank: threads that compute in each rank, the calling one included.
  ///   - usableCores: cores that all ranks of the host together may use.
  public static func chosen(ranksOnHost: Int, threadsPerRank: Int, usableCores: Int) -> WaitPolicy {
    ranksOnHost * threadsPerRank <= usableCores ? .spin : .yield
  }
}

/// The pauses of one wait.
struct Backoff {
  // Most messages of a pipeline in step arrive within a few time slices; the sleeps are for a peer
  // that still computes. The longest one bounds the delay that a wait adds.
  private static let yieldsBeforeSleep = 50
  private static let shortestSleepNanoseconds = 20_000
  private static let longestSleepNanoseconds = 200_000

  private let policy: WaitPolicy
  private var yields = 0
  private var sleepNanoseconds = Self.shortestSleepNanoseconds

  init(_ policy: WaitPolicy) { self.policy = policy }

  /// Passes the time after a test that found the request still under way.
  mutating func pause() {
    switch policy {
    case .spin:
      rf_pause()
    case .yield where yields < Self.yieldsBeforeSleep:
      yields += 1
      sched_yield()
    case .yield:
      var duration = timespec(tv_sec: 0, tv_nsec: sleepNanoseconds)
      nanosleep(&duration, nil)  // a signal may end it early, which does no harm
      sleepNanoseconds = min(2 * sleepNanoseconds, Self.longestSleepNanoseconds)
    }
  }
}
