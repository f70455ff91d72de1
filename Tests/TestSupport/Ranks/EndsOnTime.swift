import Foundation
import MPI
import Testing

// Tests that call MPI stand in the suite `RankTests` of their module. It is serialized, so that they run
// in one order, the same on every rank, and a collective of one rank meets the same collective of the
// others:
//
//     mpirun -np 4 .build/release/ringflashPackageTests.xctest \
//       --testing-library swift-testing --no-parallel --filter '^InferenceTests\.RankTests'

/// Kills the process when a test takes too long. A test that fails on one rank may leave the others
/// waiting inside MPI, where a time limit of the testing library does not reach them; the launcher
/// then ends all ranks.
package struct EndsOnTime: SuiteTrait, TestTrait, TestScoping {
  private static let seconds: UInt32 = 240

  package let isRecursive = true

  package func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    // MPI has to run before a test asks for the communicator of this rank alone.
    _ = await ranks()
    alarm(Self.seconds)
    defer { alarm(0) }
    try await function()
  }

  @MPIThread private func ranks() -> Int { world.size }
}

extension Trait where Self == EndsOnTime {
  package static var endsOnTime: Self { EndsOnTime() }
}
