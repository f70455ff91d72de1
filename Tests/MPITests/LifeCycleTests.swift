import Foundation
import MPI
import Testing

/// Whole lives of MPI, each in a process of its own with one rank. A process started by an MPI
/// launcher can't have such children.
@Suite(
  .serialized,
  .enabled(if: getenv("OMPI_COMM_WORLD_SIZE") == nil && getenv("PMI_SIZE") == nil))
struct LifeCycleTests {
  struct Failure: Error {}

  @Test func runStartsAndFinishes() async {
    await #expect(processExitsWith: .success) {
      precondition(!MPIEnvironment.isInitialized)
      precondition(!MPIEnvironment.libraryVersion.isEmpty)
      precondition(MPIEnvironment.standardVersion >= (3, 1))
      let (size, host) = try MPIEnvironment.run { world in
        precondition(MPIEnvironment.isInitialized)
        return (world.size, try world.hostCommunicator())
      }
      precondition(size == 1 && host.size == 1)
      precondition(!MPIEnvironment.isInitialized)
      // `host` ends here, after MPI.
    }
  }

  @Test func runFinishesAlsoWhenItsBodyThrows() async {
    await #expect(processExitsWith: .success) {
      do {
        try MPIEnvironment.run { _ in throw Failure() }
        preconditionFailure("nothing was thrown")
      } catch is Failure {
        precondition(!MPIEnvironment.isInitialized)
      }
    }
  }

  @Test func aSecondStartTraps() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      try MPIEnvironment.run { _ in }
      try MPIEnvironment.run { _ in }
    }
    try expect(result, says: "only once")
  }

  @Test func droppingAPendingRequestTraps() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let byte = UnsafeMutableRawBufferPointer.allocate(byteCount: 1, alignment: 1)
      try MPIEnvironment.run { world in
        _ = try world.startReceive(into: byte, from: 0, tag: 0)
      }
    }
    try expect(result, says: "a pending MPI_Irecv was dropped")
  }

  @Test func abortGivesTheExitCode() async {
    await #expect(processExitsWith: .exitCode(75)) {
      try MPIEnvironment.run { world -> Void in world.abort(code: 75) }
    }
  }

  private func expect(_ result: ExitTest.Result?, says words: String) throws {
    let text = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(text.contains(words), "\(text)")
  }
}
