import CMPI
import CMPIShims

/// A message under way. It borrows its buffer: from the call that started it until `wait()`
/// returns, `test()` says true, or either throws, the memory must stay where it is; what is sent
/// must not change, and what is received must not be read.
///
/// A request must be waited for. To drop one that is still pending is a programmer's mistake and
/// traps, because MPI would go on using memory that may be gone.
public struct PendingRequest: ~Copyable {
  // MPI itself makes it the null request when it is complete, so it is also the record of that.
  var handle = rf_mpi_request_null()

  private let policy: WaitPolicy
  private let waitHook: WaitHook
  private let routine: StaticString
  private let expectedBytes: Int?

  /// A request that `routine` is about to start through `handle`.
  ///
  /// - Parameter expectedBytes: the exact length of a message to be received; nil for all else.
  init(_ routine: StaticString, of communicator: Communicator, expectedBytes: Int? = nil) {
    self.routine = routine
    policy = communicator.waitPolicy
    waitHook = communicator.waitHook
    self.expectedBytes = expectedBytes
  }

  deinit {
    require(
      handle == rf_mpi_request_null(),
      "a pending \(routine) was dropped; wait() for it before its buffer goes away")
  }

  /// Whether the message is complete; lets MPI move it on. Once true, always true.
  ///
  /// - Throws: `MPIError` of class `.truncate` if a received message is longer or shorter than the
  ///   memory for it, and whatever else went wrong on the way. The request is over then.
  ///
  /// The corresponding MPI function is `MPI_Test`.
  public mutating func test() throws -> Bool {
    if handle == rf_mpi_request_null() { return true }
    var isComplete: Int32 = 0
    var status = MPI_Status()
    let code = MPI_Test(&handle, &isComplete, &status)
    guard code == MPI_SUCCESS else {
      handle = rf_mpi_request_null()
      throw MPIError(code: code, routine: routine)
    }
    guard isComplete != 0 else { return false }
    if let expectedBytes { try requireLength(expectedBytes, &status) }
    return true
  }

  /// Returns when the message is complete, passing the time as the communicator's `waitPolicy` and
  /// `whileWaiting` say.
  ///
  /// - Throws: as `test()` does.
  ///
  /// The corresponding MPI function is `MPI_Test`, repeated.
  public consuming func wait() throws {
    _ = try wait(unless: { false })
  }

  /// The same, unless the caller loses interest before.
  ///
  /// - Parameter isStopped: asked again and again; it must not wait itself.
  /// - Returns: whether the message is complete. If not, it is still under way.
  /// - Throws: as `test()` does.
  ///
  /// The corresponding MPI function is `MPI_Test`, repeated.
  public mutating func wait(unless isStopped: () -> Bool) throws -> Bool {
    var backoff = Backoff(policy)
    while try !test() {
      if isStopped() { return false }
      waitHook.call()
      backoff.pause()
    }
    return true
  }

  /// Gives up a message that is to be received and that nobody may have sent, so that its buffer is
  /// free again.
  ///
  /// - Returns: whether the message has arrived after all.
  /// - Throws: as `test()` does.
  ///
  /// The corresponding MPI functions are `MPI_Cancel`, `MPI_Test` and `MPI_Test_cancelled`.
  @discardableResult
  public consuming func cancel() throws -> Bool {
    if handle == rf_mpi_request_null() { return true }
    try check(MPI_Cancel(&handle), "MPI_Cancel")
    // One that has begun to arrive is not cancelled but completed.
    var status = MPI_Status()
    var isOver: Int32 = 0
    var backoff = Backoff(policy)
    while true {
      let code = MPI_Test(&handle, &isOver, &status)
      if code != MPI_SUCCESS {
        handle = rf_mpi_request_null()
        throw MPIError(code: code, routine: routine)
      }
      if isOver != 0 { break }
      waitHook.call()
      backoff.pause()
    }
    var isCancelled: Int32 = 0
    try check(MPI_Test_cancelled(&status, &isCancelled), "MPI_Test_cancelled")
    return isCancelled == 0
  }

  /// Gives the message up without waiting, for a rank that is about to end the whole job: it may or
  /// may not have arrived, and its buffer must stay where it is until the process ends.
  ///
  /// The corresponding MPI functions are `MPI_Cancel` and `MPI_Request_free`.
  public consuming func abandon() throws {
    if handle == rf_mpi_request_null() { return }
    let codes = (MPI_Cancel(&handle), MPI_Request_free(&handle))
    handle = rf_mpi_request_null()
    try check(codes.0, "MPI_Cancel")
    try check(codes.1, "MPI_Request_free")
  }

  /// MPI reports only messages that are too long.
  private func requireLength(_ expectedBytes: Int, _ status: inout MPI_Status) throws {
    var bytes: MPI_Count = 0
    try check(MPI_Get_elements_x(&status, rf_mpi_byte(), &bytes), "MPI_Get_elements_x")
    guard Int(bytes) == expectedBytes else {
      throw MPIError(
        code: MPI_ERR_TRUNCATE, routine: routine,
        detail: "\(bytes) bytes came where \(expectedBytes) were expected")
    }
  }
}
