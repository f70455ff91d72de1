import Foundation
import MPI
import RankTesting
import Testing

/// All tests that call MPI. They run in one order, the same on every rank, so that a collective of
/// one rank meets the same collective of the others:
///
///     mpirun -np 4 .build/release/ringflashPackageTests.xctest \
///       --testing-library swift-testing --no-parallel --filter InferenceTests
@Suite(.serialized, .endsOnTime)
@MPIThread enum RankTests {}

@MPIThread var world: Communicator { MPIThread.world }

@MPIThread private func ranks() -> Int { world.size }

/// Kills the process when a test takes too long. A test that fails on one rank may leave the others
/// waiting inside MPI, where a time limit of the testing library does not reach them; the launcher
/// then ends all ranks.
struct EndsOnTime: SuiteTrait, TestTrait, TestScoping {
  static let seconds: UInt32 = 240

  let isRecursive = true

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    // MPI has to run before a test asks for the communicator of this rank alone.
    _ = await ranks()
    alarm(Self.seconds)
    defer { alarm(0) }
    try await function()
  }
}

extension Trait where Self == EndsOnTime {
  static var endsOnTime: Self { EndsOnTime() }
}
