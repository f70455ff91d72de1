import MPI
import Synchronization

// Ranks are not in step: when a signal comes, some still attend in layer L while others mix it and
// others have begun layer L + 1. A rank keeps the residual stream as it was before the last layer
// that it mixed, so it can stop at its own number of finished layers or at one less; its offer is
// that range. One reduction over the offers finds the number for all:
//
//   the higher of the highest lower bound (nobody can go back further)
//             and the lowest upper bound (as many as everybody has)
//
// A rank with fewer layers goes on up to it, which needs nothing of those that have stopped: they have
// sent all messages of those layers. The reduction is non-blocking. A rank that has made its offer goes
// on with its work, but begins nothing that would break the offer before it knows the result.

/// The agreement of all ranks on the layer behind which a prefill stops.
public final class PrefillStop {
  private let interruption: Interruption?
  /// The layers behind which this rank can stop. May be changed until it has been told to others,
  /// and then only so that the rank can still do what it told.
  public var offer: ClosedRange<Int>
  /// The finished layers at which all ranks stop, once they have agreed.
  public private(set) var agreedLayers: Int?
  /// `abandons` for the threads of the team.
  private let isAbandoning = Atomic<Bool>(false)
  /// What this rank says, and then what all do: the lower bound, the upper bound's negative, and 1
  /// if there was a signal. The highest of each counts.
  private let values: UnsafeMutableBufferPointer<Int>
  private var request: PendingRequest?
  private var failure: (any Error)?

  /// - Parameter interruption: nil where the prefill is to run to its end.
  public init(_ interruption: Interruption?, finishedLayers: Int) {
    self.interruption = interruption
    offer = finishedLayers...finishedLayers
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
  public var abandons: Bool { isAbandoning.load(ordering: .relaxed) }

  /// Looks for a signal and moves the agreement on; cheap, for MPI's thread, between small pieces of
  /// work. An error is kept for `settle()`.
  public func poll() {
    guard let interruption, agreedLayers == nil, failure == nil else { return }
    interruption.poll()
    guard interruption.isRequested || request != nil else { return }
    do {
      try begin()
      if try request?.test() ?? false { try conclude() }
    } catch {
      failure = error
    }
  }

  /// Waits for the agreement if it is under way: to be called before what would break the offer.
  ///
  /// - Returns: whether to go on with the layer.
  /// - Throws: `MPIError`.
  public func settle() throws -> Bool {
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
    return !abandons
  }

  /// Asks all ranks, which call this behind the same layer unless they are interrupted before,
  /// whether there was a signal.
  ///
  /// - Returns: whether the prefill is to stop, now or behind a later layer.
  /// - Throws: `MPIError`.
  public func isRequestedAnywhere() throws -> Bool {
    guard interruption != nil else { return false }
    if agreedLayers == nil {
      try begin()
      _ = try settle()
    }
    return agreedLayers != nil
  }

  /// Tells the offer, once.
  private func begin() throws {
    guard let interruption, request == nil else { return }
    values[0] = offer.lowerBound
    values[1] = -offer.upperBound
    values[2] = interruption.isRequested ? 1 : 0
    request = try interruption.communicator.startAllReduce(values: values, .maximum)
  }

  private func conclude() throws {
    request = nil
    guard values[2] > 0 else { return }
    try interruption?.request()
    let layers = max(values[0], -values[1])
    agreedLayers = layers
    isAbandoning.store(layers <= offer.upperBound, ordering: .relaxed)
  }

  /// Says that `offer.upperBound` layers are finished now.
  ///
  /// - Returns: whether the prefill ends here.
  public func ends() -> Bool {
    guard let agreedLayers else { return false }
    let isReached = agreedLayers <= offer.upperBound
    isAbandoning.store(isReached, ordering: .relaxed)
    return isReached
  }
}
