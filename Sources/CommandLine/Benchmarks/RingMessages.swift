import Kernels
import MPI
import RingAttention

/// Messages between neighbours in the ring of ranks, with nothing else going on.
final class RingMessages {
  private let communicator: Communicator
  /// What leaves, what comes from the next rank and what comes from the one before.
  private let leaving: AlignedBuffer<UInt8>
  private let fromNext: AlignedBuffer<UInt8>
  private let fromPrevious: AlignedBuffer<UInt8>

  private enum Tag {
    static let round = 0
    static let pair = 1
    static let answer = 2
  }

  /// - Parameter mostBytes: of one message.
  init(communicator: Communicator, mostBytes: Int) {
    self.communicator = communicator
    leaving = AlignedBuffer(count: mostBytes)
    fromNext = AlignedBuffer(count: mostBytes)
    fromPrevious = AlignedBuffer(count: mostBytes)
    // Memory that was never written is all one page.
    for memory in [leaving.elements, fromNext.elements, fromPrevious.elements] {
      memory.update(repeating: 1)
    }
  }

  static func bytes(mostBytes: Int) -> Int { 3 * mostBytes }

  private func rank(_ steps: Int) -> Int {
    (communicator.rank + steps + communicator.size) % communicator.size
  }

  /// One message goes from rank to rank, in the direction in which KV blocks do, until it is back at
  /// rank 0.
  ///
  /// - Throws: `MPIError`.
  func passRound(bytes: Int) throws {
    func send() throws {
      try communicator.send(
        UnsafeRawBufferPointer(start: leaving.pointer, count: bytes), to: rank(-1), tag: Tag.round)
    }
    if communicator.rank == 0 { try send() }
    try communicator.receive(
      into: UnsafeMutableRawBufferPointer(start: fromNext.pointer, count: bytes), from: rank(1),
      tag: Tag.round)
    if communicator.rank != 0 { try send() }
  }

  /// Every rank sends to the one before it and receives from the next one.
  ///
  /// - Throws: `MPIError`.
  func exchange(bytes: Int) throws {
    let exchange = RingExchange(communicator)
    try exchange.start(
      sending: [0], of: leaving.pointer, receiving: 1, into: fromNext.pointer, blockBytes: bytes,
      hop: 0)
    try exchange.finish()
  }

  /// Every rank sends to both neighbours and receives from both.
  ///
  /// - Throws: `MPIError`.
  func exchangeBothWays(bytes: Int) throws {
    let down = RingExchange(communicator)
    let up = RingExchange(communicator, step: 1)
    // Of two ranks, both neighbours are the same one: the number of the hop tells the messages apart.
    try down.start(
      sending: [0], of: leaving.pointer, receiving: 1, into: fromNext.pointer, blockBytes: bytes,
      hop: 0)
    try up.start(
      sending: [0], of: leaving.pointer, receiving: 1, into: fromPrevious.pointer,
      blockBytes: bytes, hop: 1)
    try down.finish()
    try up.finish()
  }

  /// GB/s of the best pair of neighbours, of which one sends and the other receives while all other
  /// ranks wait; the best of some messages.
  ///
  /// - Throws: `MPIError`.
  func bestLink(bytes: Int) throws -> Double {
    var best = 0.0
    for sender in 0..<communicator.size {
      try communicator.barrier()
      for _ in 0..<8 {
        if let seconds = try sendAlone(bytes: bytes, from: sender) {
          best = max(best, Double(bytes) / seconds / 1e9)
        }
      }
    }
    return try communicator.allReduce(value: best, .maximum)
  }

  /// The seconds until the receiver has said that all is there; nil on ranks that do not send.
  private func sendAlone(bytes: Int, from sender: Int) throws -> Double? {
    let receiver = (sender + communicator.size - 1) % communicator.size
    if communicator.rank == sender {
      let start = ContinuousClock.now
      try communicator.send(
        UnsafeRawBufferPointer(start: leaving.pointer, count: bytes), to: receiver, tag: Tag.pair)
      try communicator.receive(
        into: UnsafeMutableRawBufferPointer(start: fromPrevious.pointer, count: 1), from: receiver,
        tag: Tag.answer)
      return (ContinuousClock.now - start).seconds
    }
    if communicator.rank == receiver {
      try communicator.receive(
        into: UnsafeMutableRawBufferPointer(start: fromNext.pointer, count: bytes), from: sender,
        tag: Tag.pair)
      try communicator.send(
        UnsafeRawBufferPointer(start: leaving.pointer, count: 1), to: sender, tag: Tag.answer)
    }
    return nil
  }
}
