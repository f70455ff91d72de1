import CMPI
import CMPIShims

/// Who gives which elements to whom in an all-to-all with unequal shares. Made once and used for every
/// call, so that a call allocates nothing.
public final class AllToAllPlan {
  /// The elements that a rank needs room for, to send and to receive.
  public let sentElements: Int
  public let receivedElements: Int

  // MPI reads all of them until a call is complete, so they must not move: [ranks] each.
  let counts: (sent: UnsafeMutableBufferPointer<Int32>, received: UnsafeMutableBufferPointer<Int32>)
  let places: (sent: UnsafeMutableBufferPointer<Int32>, received: UnsafeMutableBufferPointer<Int32>)
  let datatype: Datatype

  /// - Parameters:
  ///   - sent: by rank: which of this rank's elements it gets. They may overlap.
  ///   - received: by rank: where its elements go. They must not overlap.
  ///   - elementBytes: of an element, which MPI moves whole.
  ///
  /// The corresponding MPI function is `MPI_Type_contiguous`.
  public init(
    sent: [Range<Int>], received: [Range<Int>], elementBytes: Int
  ) throws {
    require(
      sent.count == received.count, "\(sent.count) ranks are sent to, \(received.count) received")
    sentElements = sent.map(\.upperBound).max() ?? 0
    receivedElements = received.map(\.upperBound).max() ?? 0
    datatype = try Datatype(elementBytes: elementBytes)
    func numbers(_ values: [Int]) -> UnsafeMutableBufferPointer<Int32> {
      let numbers = UnsafeMutableBufferPointer<Int32>.allocate(capacity: values.count)
      _ = numbers.initialize(from: values.map(mpiCount))
      return numbers
    }
    counts = (numbers(sent.map(\.count)), numbers(received.map(\.count)))
    places = (numbers(sent.map(\.lowerBound)), numbers(received.map(\.lowerBound)))
  }

  deinit {
    counts.sent.deallocate()
    counts.received.deallocate()
    places.sent.deallocate()
    places.received.deallocate()
  }
}

extension Communicator {
  /// Gives every rank its share of this rank's elements, and takes those of all ranks.
  ///
  /// - Parameters:
  ///   - elements: as many as the plan sends, apart from `received`.
  ///   - received: room for as many as it receives; what no share covers stays as it is.
  ///   - plan: what a rank sends to another one is what that one receives from it.
  ///
  /// The corresponding MPI function is `MPI_Ialltoallv`.
  public func allToAll(
    _ elements: UnsafeRawPointer, into received: UnsafeMutableRawPointer,
    plan: AllToAllPlan
  ) throws {
    require(
      plan.counts.sent.count == size,
      "the plan is for \(plan.counts.sent.count) ranks, not \(size)")
    try complete("MPI_Ialltoallv") {
      MPI_Ialltoallv(
        elements, plan.counts.sent.baseAddress, plan.places.sent.baseAddress, plan.datatype.handle,
        received, plan.counts.received.baseAddress, plan.places.received.baseAddress,
        plan.datatype.handle, handle, &$0.handle)
    }
  }
}
