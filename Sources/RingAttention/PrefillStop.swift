import MPI
import Ranks
import Synchronization

// Ranks are not in step: when a signal comes, some still attend in layer L while others are in its
// feed-forward or have begun layer L + 1. A rank keeps the residual stream as it was before the last
// layer that changed it, so it can stop at its own number of finished layers or at one less; that range
// is what it tells the others. One reduction over the ranges finds the number for all:
//
//   the higher of the highest lower bound (nobody can go back further)
//             and the lowest upper bound (as many as everybody has)
//
// A rank with fewer layers goes on up to it, which needs nothing of those that have stopped: they have
// sent all messages of those layers. The reduction is non-blocking. A rank that has told its range goes
// on with its work, but begins nothing that would leave the range before it knows the result.

/// The agreement of all ranks on the layer behind which a prefill stops.
public final class PrefillStop {
  /// What a rank is to do.
  public enum Verdict: Equatable, Sendable {
    case goOn
    /// All ranks stop behind so many finished layers. A rank that has fewer goes on until it has them.
    case stop(finishedLayers: Int)
  }

  private let interruption: Interruption?
  /// The numbers of finished layers behind which this rank can stop. They may be changed until they
  /// have been told to others, and then only so that the rank can still do what it told.
  public var reachableLayers: ClosedRange<Int>
  /// What is known so far.
  public private(set) var verdict = Verdict.goOn
  /// `abandonsLayer` for the threads of the team.
  private let isAbandoning = Atomic<Bool>(false)
  /// What this rank says, and then what all do: the lower bound, the upper bound's negative, and 1
  /// if there was a signal. The highest of each counts.
  private let values: UnsafeMutableBufferPointer<Int>
  private var request: PendingRequest?
  private var failure: (any Error)?

  /// - Parameter interruption: nil where the prefill is to run to its end.
  public init(_ interruption: Interruption?, finishedLayers: Int) {
    self.interruption = interruption
    reachableLayers = finishedLayers...finishedLayers
    values = .allocate(capacity: 3)
  }

  deinit {
    if request != nil {
      // The job ends by an error, and MPI may still use the memory.
      try? request.take()?.abandon()
    } else {
      values.deallocate()
    }
  }

  /// Whether the layer that is being computed is given up; for any thread.
  public var abandonsLayer: Bool { isAbandoning.load(ordering: .relaxed) }

  /// Looks for a signal and moves the agreement on; cheap, for MPI's thread, between small pieces of
  /// work. An error is kept for `awaitVerdict()`.
  public func poll() {
    guard let interruption, verdict == .goOn, failure == nil else { return }
    interruption.poll()
    guard interruption.isRequested || request != nil else { return }
    do {
      try tellReachableLayers()
      if try request?.test() ?? false { try conclude() }
    } catch {
      failure = error
    }
  }

  /// Waits for the agreement if it is under way: to be called before what would leave the reachable
  /// layers.
  ///
  /// - Throws: `MPIError`.
  public func awaitVerdict() throws -> Verdict {
    poll()
    try interruption?.throwFailure()
    if let failure { throw failure }
    if request != nil {
      // What others wait for may depend on what this rank passes on.
      _ = try request?.wait(unless: {
        interruption?.poll()
        return false
      })
      try conclude()
    }
    return verdict
  }

  /// Asks all ranks whether there was a signal: a collective, which every rank calls behind the same
  /// layer unless a verdict reaches it before.
  ///
  /// - Throws: `MPIError`.
  public func agreeOnVerdict() throws -> Verdict {
    guard interruption != nil else { return .goOn }
    if verdict == .goOn {
      try tellReachableLayers()
      return try awaitVerdict()
    }
    return verdict
  }

  /// Tells them, once.
  private func tellReachableLayers() throws {
    guard let interruption, request == nil else { return }
    values[0] = reachableLayers.lowerBound
    values[1] = -reachableLayers.upperBound
    values[2] = interruption.isRequested ? 1 : 0
    request = try interruption.communicator.startAllReduce(values: values, .maximum)
  }

  private func conclude() throws {
    request = nil
    guard values[2] > 0 else { return }
    try interruption?.request()
    verdict = .stop(finishedLayers: max(values[0], -values[1]))
    isAbandoning.store(isReached, ordering: .relaxed)
  }

  /// Whether this rank has the layers behind which all stop.
  private var isReached: Bool {
    guard case .stop(let layers) = verdict else { return false }
    return layers <= reachableLayers.upperBound
  }

  /// Asked behind each layer: whether the prefill ends here.
  public func endsHere() -> Bool {
    guard isReached else { return false }
    isAbandoning.store(true, ordering: .relaxed)
    return true
  }
}
