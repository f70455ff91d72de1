import Foundation
import MPI
import RankTesting
import Testing

/// All tests that call MPI. They run in one order, the same on every rank, so that a collective of
/// one rank meets the same collective of the others:
///
///     mpirun -np 4 .build/release/ringflashPackageTests.xctest \
///       --testing-library swift-testing --no-parallel --filter MPITests
@Suite(.serialized, .endsOnTime)
@MPIThread enum RankTests {}

@MPIThread var world: Communicator { MPIThread.world }

/// Kills the process when a test takes too long. A test that fails on one rank may leave the others
/// waiting inside MPI, where a time limit of the testing library does not reach them; the launcher
/// then ends all ranks.
struct EndsOnTime: SuiteTrait, TestTrait, TestScoping {
  static let seconds: UInt32 = 120

  let isRecursive = true

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    alarm(Self.seconds)
    defer { alarm(0) }
    try await function()
  }
}

extension Trait where Self == EndsOnTime {
  static var endsOnTime: Self { EndsOnTime() }
}

/// Message lengths in bytes: none, one, odd, and around the limits at which MPI libraries change
/// their protocol.
let messageLengths = [0, 1, 7, 4_096, 65_537, 3_000_001]

/// `count` bytes that differ between seeds and between places.
func pattern(_ count: Int, seed: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ ($0 >> 8) &+ seed &* 7 &+ 1) }
}

/// Memory that stays in place while a message is under way.
final class Memory {
  let bytes: UnsafeMutableRawBufferPointer

  init(count: Int) {
    bytes = .allocate(byteCount: count, alignment: 64)
    bytes.initializeMemory(as: UInt8.self, repeating: 0xEE)
  }

  convenience init(_ contents: [UInt8]) {
    self.init(count: contents.count)
    bytes.copyBytes(from: contents)
  }

  deinit { bytes.deallocate() }

  var contents: [UInt8] { [UInt8](bytes) }
}

/// The error that `body` throws.
@MPIThread func thrown(_ body: () throws -> Void) -> MPIError? {
  do { try body() } catch { return error as? MPIError }
  return nil
}
