import CMPI
import CMPIShims
import Glibc

/// A group of ranks that send each other messages. Only the thread that started MPI may use it.
///
/// A collective (`barrier`, `broadcast…`, `gather…`, `allGather…`, `allReduce…`,
/// `hostCommunicator`) must be called by every rank of the communicator, in the same order
/// everywhere.
public final class Communicator {
  /// The largest tag of a message. The standard promises 32,767, which is kept for
  /// `gather(array:to:)`.
  public static let largestTag = 32_766

  /// The number of this rank, in `0..<size`.
  public let rank: Int

  /// The number of ranks.
  public let size: Int

  /// What this rank does while it waits; counts for what is started afterwards.
  public var waitPolicy = WaitPolicy.yield

  /// Called by the thread that started MPI while it waits, and by `tick()`: for what must be done
  /// now and then however long a wait or a computation takes. One for this communicator and all
  /// that are made from it. It returns soon, may test requests, and must not wait for one.
  public var whileWaiting: (() -> Void)? {
    get { waitHook.whileWaiting }
    set { waitHook.whileWaiting = newValue }
  }

  let waitHook: WaitHook
  private(set) var handle = rf_mpi_comm_null()
  private let isOwned: Bool

  /// The communicator that `handle` stands for. If it is owned, it is freed in the end.
  ///
  /// The corresponding MPI functions are `MPI_Comm_rank` and `MPI_Comm_size`.
  init(_ handle: MPI_Comm!, isOwned: Bool, waitHook: WaitHook = WaitHook()) throws {
    var rank: Int32 = 0
    var size: Int32 = 0
    try check(MPI_Comm_rank(handle, &rank), "MPI_Comm_rank")
    try check(MPI_Comm_size(handle, &size), "MPI_Comm_size")
    self.rank = Int(rank)
    self.size = Int(size)
    self.handle = handle
    self.isOwned = isOwned
    self.waitHook = waitHook
  }

  deinit {
    guard isOwned, MPIEnvironment.isInitialized else { return }
    let code = MPI_Comm_free(&handle)
    require(code == MPI_SUCCESS, "MPI_Comm_free failed with code \(code)")
  }

  /// The ranks of this communicator that run on the same host as this one, in the same order. A
  /// collective.
  ///
  /// The corresponding MPI function is `MPI_Comm_split_type`.
  public func hostCommunicator() throws -> Communicator {
    // The split has no non-blocking form. After a barrier nobody is left to be waited for long.
    try barrier()
    var host = rf_mpi_comm_null()
    if let emulated = MPIEnvironment.emulatedHost {
      try check(MPI_Comm_split(handle, Int32(emulated), Int32(rank), &host), "MPI_Comm_split")
      return try derived(host)
    }
    try check(
      MPI_Comm_split_type(
        handle, rf_mpi_comm_type_shared(), Int32(rank), rf_mpi_info_null(), &host),
      "MPI_Comm_split_type")
    return try derived(host)
  }

  /// The ranks that give `true`; nil on the others. A collective.
  ///
  /// - Parameter place: by which they are ordered; as they are here by default.
  ///
  /// The corresponding MPI function is `MPI_Comm_split`.
  public func group(ofThis isMember: Bool, orderedBy place: Int? = nil) throws -> Communicator? {
    try barrier()
    var group = rf_mpi_comm_null()
    try check(
      MPI_Comm_split(handle, isMember ? 0 : rf_mpi_undefined(), Int32(place ?? rank), &group),
      "MPI_Comm_split")
    return isMember ? try derived(group) : nil
  }

  /// The same ranks, with messages and collectives of their own: they never meet those of this
  /// communicator. A collective.
  ///
  /// The corresponding MPI function is `MPI_Comm_dup`.
  public func duplicate() throws -> Communicator {
    try barrier()
    var duplicate = rf_mpi_comm_null()
    try check(MPI_Comm_dup(handle, &duplicate), "MPI_Comm_dup")
    return try derived(duplicate)
  }

  private func derived(_ handle: MPI_Comm!) throws -> Communicator {
    try check(
      MPI_Comm_set_errhandler(handle, rf_mpi_errors_return()), "MPI_Comm_set_errhandler")
    let communicator = try Communicator(handle, isOwned: true, waitHook: waitHook)
    communicator.waitPolicy = waitPolicy
    return communicator
  }

  /// Returns when `isOver` says true, which another rank brings about without MPI; passes the time as
  /// `waitPolicy` and `whileWaiting` say.
  public func wait(until isOver: () -> Bool) {
    var backoff = Backoff(waitPolicy)
    while !isOver() {
      waitHook.call()
      backoff.pause()
    }
  }

  /// Does what `whileWaiting` says; to be called several times a second where MPI's thread works
  /// long without waiting for a message.
  public func tick() { waitHook.call() }

  /// Ends every rank of the whole job at once, with `code` as the exit code; MPI's launcher reports
  /// it.
  ///
  /// The corresponding MPI function is `MPI_Abort`.
  public func abort(code: Int32) -> Never {
    // Where the launcher cannot be reached, this process at least ends.
    signal(SIGALRM, SIG_DFL)
    alarm(10)
    let returned = MPI_Abort(rf_mpi_comm_world(), code)
    fatalError("MPI_Abort returned with code \(returned)")
  }

  /// `rank` as MPI takes it. Checked here because some negative numbers have a meaning of their
  /// own, which differs between MPI libraries.
  func checked(
    rank: Int, _ routine: StaticString, or errorClass: MPIError.Class = .rank
  ) throws -> Int32 {
    guard (0..<size).contains(rank) else {
      throw MPIError(
        code: errorClass.rawValue, routine: routine,
        detail: "there is no rank \(rank) among \(size), numbered from 0")
    }
    return Int32(rank)
  }

  /// `tag` as MPI takes it.
  func checked(tag: Int, _ routine: StaticString) throws -> Int32 {
    guard (0...Self.largestTag).contains(tag) else {
      throw MPIError(
        code: MPI_ERR_TAG, routine: routine,
        detail: "the tag \(tag) is not in 0...\(Self.largestTag)")
    }
    return Int32(tag)
  }
}

@available(*, unavailable, message: "only the thread that started MPI may use it")
extension Communicator: Sendable {}
