import MPI
import TestSupport
import Testing

/// All tests of this module that call MPI; see `EndsOnTime`.
@Suite(.serialized, .endsOnTime)
@MPIThread enum RankTests {}

/// Message lengths in bytes: none, one, odd, and around the limits at which MPI libraries change
/// their protocol.
let messageLengths = [0, 1, 7, 4_096, 65_537, 3_000_001]

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
