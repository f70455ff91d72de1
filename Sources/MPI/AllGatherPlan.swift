import CMPI
import CMPIShims

/// Who contributes which elements to an all-gather with unequal shares. Made once and used for
/// every call, so that a call allocates nothing.
public final class AllGatherPlan<Element: BitwiseCopyable> {
  /// The number of elements that hold every rank's share.
  public let elementCount: Int

  // MPI reads both until a call is complete, so they must not move: [ranks] each.
  let counts: UnsafeMutableBufferPointer<Int32>
  let displacements: UnsafeMutableBufferPointer<Int32>
  let datatype: Datatype

  /// - Parameters:
  ///   - counts: the number of elements of every rank, by rank; 0 is allowed.
  ///   - displacements: where each rank's share begins, in elements; by default they follow one
  ///     another. Shares must not overlap.
  ///
  /// The corresponding MPI function is `MPI_Type_contiguous`.
  public init(counts: [Int], displacements: [Int]? = nil) throws {
    var end = 0
    let displacements =
      displacements
      ?? counts.map { count in
        defer { end += count }
        return end
      }
    require(
      counts.count == displacements.count,
      "\(counts.count) counts but \(displacements.count) displacements")
    elementCount = zip(displacements, counts).map { $0 + $1 }.max() ?? 0
    datatype = try Datatype(elementBytes: MemoryLayout<Element>.stride)
    self.counts = .allocate(capacity: counts.count)
    self.displacements = .allocate(capacity: counts.count)
    _ = self.counts.initialize(from: counts.map(mpiCount))
    _ = self.displacements.initialize(from: displacements.map(mpiCount))
  }

  deinit {
    counts.deallocate()
    displacements.deallocate()
  }
}

extension Communicator {
  /// Collects every rank's share on every rank.
  ///
  /// - Parameters:
  ///   - share: this rank's `plan.counts[rank]` elements, apart from `all`.
  ///   - all: room for at least `plan.elementCount` elements; what no share covers stays as it is.
  ///   - plan: the same on every rank.
  ///
  /// The corresponding MPI function is `MPI_Iallgatherv`.
  public func allGather<Element: BitwiseCopyable>(
    share: UnsafeBufferPointer<Element>, into all: UnsafeMutableBufferPointer<Element>,
    plan: AllGatherPlan<Element>
  ) throws {
    requireRoom(all.count, plan)
    require(
      share.count == Int(plan.counts[rank]),
      "rank \(rank) gives \(share.count) elements, the plan says \(plan.counts[rank])")
    try complete("MPI_Iallgatherv") {
      MPI_Iallgatherv(
        share.baseAddress, plan.counts[rank], plan.datatype.handle, all.baseAddress,
        plan.counts.baseAddress, plan.displacements.baseAddress, plan.datatype.handle, handle,
        &$0.handle)
    }
  }

  /// Collects every rank's share on every rank, where each has its own share already in its place
  /// in `all`.
  ///
  /// - Parameters:
  ///   - all: at least `plan.elementCount` elements; what no share covers stays as it is.
  ///   - plan: the same on every rank.
  ///
  /// The corresponding MPI function is `MPI_Iallgatherv`, with `MPI_IN_PLACE`.
  public func allGatherInPlace<Element: BitwiseCopyable>(
    _ all: UnsafeMutableBufferPointer<Element>, plan: AllGatherPlan<Element>
  ) throws {
    requireRoom(all.count, plan)
    try complete("MPI_Iallgatherv") {
      MPI_Iallgatherv(
        rf_mpi_in_place(), 0, plan.datatype.handle, all.baseAddress, plan.counts.baseAddress,
        plan.displacements.baseAddress, plan.datatype.handle, handle, &$0.handle)
    }
  }

  private func requireRoom<Element>(_ count: Int, _ plan: AllGatherPlan<Element>) {
    require(
      plan.counts.count == size, "the plan is for \(plan.counts.count) ranks, not \(size)")
    require(
      count >= plan.elementCount,
      "the plan needs room for \(plan.elementCount) elements, not \(count)")
  }
}
