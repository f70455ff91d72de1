import Kernels
import MPI

/// One hop of the ring: a message arrives from the next rank while another leaves for the one
/// before, or the other way round.
///
/// Large messages move only while MPI is called, so `poll()` wants to be called now and then during
/// the computation, always by the thread that started MPI.
public final class RingExchange {
  private let communicator: Communicator
  private let step: Int
  private var receive: PendingRequest?
  private var send: PendingRequest?
  private var failure: (any Error)?
  public private(set) var bytesSent = 0

  /// - Parameter step: from this rank to the one that messages leave for, −1 or 1; they arrive from
  ///   the opposite direction.
  public init(_ communicator: Communicator, step: Int = -1) {
    self.communicator = communicator
    self.step = step
  }

  deinit { giveUp() }

  /// - Parameters:
  ///   - blocks: places, counted from `base`, of the blocks to send; with none, nothing is sent.
  ///   - count: blocks to receive; with 0, nothing is received.
  /// - Throws: `MPIError`; nothing is under way then.
  public func start(
    sending blocks: [Int], of base: UnsafeRawPointer, receiving count: Int,
    into memory: UnsafeMutableRawPointer, blockBytes: Int, hop: Int
  ) throws {
    let ranks = communicator.size
    let tag = hop % Communicator.largestTag
    if count > 0 {
      receive = try communicator.startReceiveBlocks(
        into: memory, blockBytes: blockBytes, count: count,
        from: (communicator.rank + ranks - step) % ranks,
        tag: tag)
    }
    guard !blocks.isEmpty else { return }
    do {
      send = try communicator.startSendBlocks(
        base: base, blockBytes: blockBytes, blocks: blocks,
        to: (communicator.rank + ranks + step) % ranks, tag: tag)
    } catch {
      giveUp()
      throw error
    }
    bytesSent += blocks.count * blockBytes
  }

  /// The same for messages of any ranks and lengths; one without bytes is none.
  ///
  /// - Throws: `MPIError`; nothing is under way then.
  public func start(
    sending: UnsafeRawBufferPointer, to destination: Int,
    receiving: UnsafeMutableRawBufferPointer, from source: Int, tag: Int
  ) throws {
    let tag = tag % Communicator.largestTag
    if !receiving.isEmpty {
      receive = try communicator.startReceive(into: receiving, from: source, tag: tag)
    }
    guard !sending.isEmpty else { return }
    do {
      send = try communicator.startSend(sending, to: destination, tag: tag)
    } catch {
      giveUp()
      throw error
    }
    bytesSent += sending.count
  }

  /// Lets MPI move both messages on; an error is kept for `finish()`.
  public func poll() {
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
  /// - Parameter stop: polled meanwhile.
  /// - Returns: whether they are complete; false where `stop` gives up the layer before. They are
  ///   still under way then, until `drainReceive(isSent:)` and `finish()`.
  /// - Throws: `MPIError`; both requests are given up then, because the whole job is about to end.
  @discardableResult
  public func finish(_ stop: PrefillStop? = nil) throws -> Bool {
    do {
      if let failure { throw failure }
      let isStopped = {
        stop?.poll()
        return stop?.abandonsLayer ?? false
      }
      guard try receive?.wait(unless: isStopped) ?? true,
        try send?.wait(unless: isStopped) ?? true
      else { return false }
      receive = nil
      send = nil
      return true
    } catch {
      giveUp()
      throw error
    }
  }

  /// Ends the receive of a layer that is given up: waits for the message if the other rank has
  /// started to send it, which it will not do any more otherwise. The ranks have to meet before any of
  /// them sends the next message: a receive that is not cancelled yet would take it.
  ///
  /// - Throws: `MPIError`, as `finish()`.
  package func drainReceive(isSent: Bool) throws {
    do {
      if let failure { throw failure }
      if isSent { try receive.take()?.wait() } else { try receive.take()?.cancel() }
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
