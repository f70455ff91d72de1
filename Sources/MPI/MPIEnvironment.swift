import CMPI
import CMPIShims

/// The life of MPI in this process: started once, finished once, both on one thread, the only one
/// that may call it.
public enum MPIEnvironment {
  /// For tests of what several hosts do, on one: this process counts as running on the host of that
  /// number, for every `Communicator.hostCommunicator()` from then on. Nil for the host that it is on.
  nonisolated(unsafe) package static var emulatedHost: Int?

  /// Starts MPI, calls `body` with the communicator of all ranks, and finishes MPI, also when
  /// `body` throws. A process that was not started by an MPI launcher is a job of one rank.
  ///
  /// To finish MPI waits for every rank. So `body` may only throw what it throws on every rank; an
  /// error that only some ranks know of must end in `Communicator.abort(code:)` inside `body`.
  ///
  /// - Parameter onFailedStart: called where MPI ends the process instead of saying that it can't be
  ///   started, as Open MPI 4 does; ends the process.
  /// - Throws: what `body` throws; `MPIError` if MPI can't be started or finished.
  ///
  /// The corresponding MPI functions are `MPI_Init_thread` and `MPI_Finalize`.
  public static func run<Result>(
    onFailedStart: (() -> Never)? = nil, _ body: (Communicator) throws -> Result
  ) throws -> Result {
    let world = try withLastWord(onFailedStart) { try start() }
    let result: Result
    do {
      result = try body(world)
    } catch {
      try? finish()  // the first error is the one to tell
      throw error
    }
    try finish()
    return result
  }

  /// Starts MPI and returns the communicator of all ranks; the thread that calls this is MPI's from
  /// now on. Where there is one scope to wrap, use `run`.
  ///
  /// - Throws: `MPIError` if MPI can't be started, or can't be used beside other threads that don't
  ///   call it.
  ///
  /// The corresponding MPI function is `MPI_Init_thread`.
  public static func start() throws -> Communicator {
    require(
      !flag("MPI_Initialized", MPI_Initialized), "MPI can be started only once in a process")
    var provided: Int32 = 0
    try check(MPI_Init_thread(nil, nil, rf_mpi_thread_funneled(), &provided), "MPI_Init_thread")
    guard provided >= rf_mpi_thread_funneled() else {
      let error = MPIError(
        code: MPI_ERR_OTHER, routine: "MPI_Init_thread",
        detail: "this MPI library does not offer MPI_THREAD_FUNNELED; use one built with threads")
      try? finish()
      throw error
    }
    // Errors that belong to no communicator go to the world's handler up to MPI 3.1, and to self's
    // since MPI 4.0.
    for communicator in [rf_mpi_comm_self(), rf_mpi_comm_world()] {
      try check(
        MPI_Comm_set_errhandler(communicator, rf_mpi_errors_return()), "MPI_Comm_set_errhandler")
    }
    return try Communicator(rf_mpi_comm_world(), isOwned: false)
  }

  /// Finishes MPI, which waits for every rank to do so. No message may be under way.
  ///
  /// The corresponding MPI function is `MPI_Finalize`.
  public static func finish() throws {
    try check(MPI_Finalize(), "MPI_Finalize")
  }

  /// Whether MPI has been started and not yet finished.
  ///
  /// The corresponding MPI functions are `MPI_Initialized` and `MPI_Finalized`.
  public static var isInitialized: Bool {
    flag("MPI_Initialized", MPI_Initialized) && !flag("MPI_Finalized", MPI_Finalized)
  }

  /// The MPI library's name and version, one line; known at any time.
  ///
  /// The corresponding MPI function is `MPI_Get_library_version`.
  public static var libraryVersion: String {
    let text = readString(
      capacity: rf_mpi_max_library_version_string(), "MPI_Get_library_version",
      MPI_Get_library_version)
    return String(text.prefix { !$0.isNewline && $0 != "\0" })
  }

  /// The version of the MPI standard that the library follows; known at any time.
  ///
  /// The corresponding MPI function is `MPI_Get_version`.
  public static var standardVersion: (major: Int, minor: Int) {
    var major: Int32 = 0
    var minor: Int32 = 0
    let code = MPI_Get_version(&major, &minor)
    require(code == MPI_SUCCESS, "MPI_Get_version failed with code \(code)")
    return (Int(major), Int(minor))
  }

  /// The name of the host this rank runs on. Only while MPI runs.
  ///
  /// The corresponding MPI function is `MPI_Get_processor_name`.
  public static var processorName: String {
    readString(
      capacity: rf_mpi_max_processor_name(), "MPI_Get_processor_name", MPI_Get_processor_name)
  }

  private static func flag(
    _ routine: StaticString, _ read: (UnsafeMutablePointer<Int32>) -> Int32
  ) -> Bool {
    var value: Int32 = 0
    require(read(&value) == MPI_SUCCESS, "\(routine) failed")
    return value != 0
  }
}
