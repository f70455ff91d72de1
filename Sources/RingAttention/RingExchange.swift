import Kernels
import MPI

/// One hop of the ring: a message arrives from the next rank while another leaves for the one
/// before.
///
/// Large messages move only while MPI is called, so `poll()` wants to be called now and then during
/// the computation, always by the thread that started MPI.
final class RingExchange {
  private let communicator: Communicator
  private var receive: PendingRequest?
  private var send: PendingRequest?
  private var failure: (any Error)?
  private(set) var bytesSent = 0

  init(communicator: Communicator) {
    self.communicator = communicator
  }

  /// - Parameters:
  ///   - blocks: places, counted from `base`, of the blocks to send; with none, nothing is sent.
  ///   - count: blocks to receive; with 0, nothing is received.
  /// - Throws: `MPIError`; nothing is under way then.
  func start(
    sending blocks: [Int], of base: UnsafeRawPointer, receiving count: Int,
    into memory: UnsafeMutableRawPointer, blockBytes: Int, hop: Int
  ) throws {
    let ranks = communicator.size
    let tag = hop % Communicator.largestTag
    if count > 0 {
      receive = try communicator.startReceiveBlocks(
        into: memory, blockBytes: blockBytes, count: count, from: (communicator.rank + 1) % ranks,
        tag: tag)
    }
    guard !blocks.isEmpty else { return }
    do {
      send = try communicator.startSendBlocks(
        base: base, blockBytes: blockBytes, blocks: blocks,
        to: (communicator.rank + ranks - 1) % ranks, tag: tag)
    } catch {
      giveUp()
      throw error
    }
    bytesSent += blocks.count * blockBytes
  }

  /// Lets MPI move both messages on; an error is kept for `finish()`.
  func poll() {
    guard failure == nil else { return }
    do {
      _ = try receive?.test()
      _ = try send?.test()
    } catch {
      failure = error
    }
  }

  /// Returns when both messages are complete.
  ///
  /// - Throws: `MPIError`; both requests are given up then, because the whole job is about to end.
  func finish() throws {
    do {
      if let failure { throw failure }
      try receive.take()?.wait()
      try send.take()?.wait()
    } catch {
      giveUp()
      throw error
    }
  }

  /// Neither request may be dropped while it is pending. An error here would hide the one that led
  /// here.
  private func giveUp() {
    try? receive.take()?.abandon()
    try? send.take()?.abandon()
  }
}
