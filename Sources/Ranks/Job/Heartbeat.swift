import MPI

// Every rank tells the one before it that it lives, and listens for the one after it: along the ring of
// ranks somebody watches everybody, for one small message a second each. Only MPI's thread sends and
// receives them, in `tick()`: a rank whose thread is stopped, or lost with its host, falls silent.

/// Notices that another rank has stopped, so that nobody waits for it for ever.
public final class Heartbeat {
  private static let tag = 0
  private static let longestInterval = Duration.seconds(1)
  private enum Sign: UInt8 { case alive, last }

  /// How long the next rank may be silent.
  public var timeout: Duration
  /// The rank that is watched, and its host.
  public let watchedRank: Int
  public let watchedHost: String

  private let communicator: Communicator
  private let onSilence: (Heartbeat) -> Void
  /// What is received, and what is sent.
  private let bytes: UnsafeMutableRawBufferPointer
  private var receive: PendingRequest?
  private var send: PendingRequest?
  private var silence = Duration.zero
  private var lastLook = SuspendingClock.now
  private var lastSign = SuspendingClock.now - longestInterval
  private var isFinishing = false

  /// Of how many messages a second, at least 10 of which fit into the timeout.
  private var interval: Duration { min(Self.longestInterval, timeout / 10) }

  /// A collective. `tick()` is to be called several times a second from now on.
  ///
  /// - Parameter onSilence: called when the next rank has been silent for the timeout.
  /// - Throws: `MPIError`.
  public init(
    communicator: Communicator, timeout: Duration, onSilence: @escaping (Heartbeat) -> Void
  ) throws {
    self.communicator = try communicator.duplicate()
    self.timeout = timeout
    self.onSilence = onSilence
    watchedRank = (communicator.rank + 1) % communicator.size
    let names = try self.communicator.allGather(value: HostName(MPIEnvironment.processorName))
    watchedHost = names[watchedRank].text
    bytes = .allocate(byteCount: 2, alignment: 1)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    if communicator.size > 1 { try listen() }
  }

  deinit {
    // Where the job ends in order nothing is under way any more. Else the memory stays, because MPI
    // may still use it.
    let isOver = receive == nil && send == nil
    try? receive.take()?.abandon()
    try? send.take()?.abandon()
    if isOver { bytes.deallocate() }
  }

  /// Sends and looks for signs of life when it is time to; cheap otherwise.
  ///
  /// - Throws: `MPIError`.
  public func tick() throws {
    let now = SuspendingClock.now
    let passed = now - lastLook
    guard communicator.size > 1, passed >= interval / 8 else { return }
    lastLook = now
    if !isFinishing {
      while try receive?.test() ?? false { try hear() }
      if now - lastSign >= interval, try send?.test() ?? true {
        lastSign = now
        try tell(.alive)
      }
    }
    // A long time since the last look is this rank's own silence, and what came meanwhile may take a
    // moment to arrive.
    silence += min(passed, timeout / 4)
    if silence >= timeout { onSilence(self) }
  }

  /// Ends it on every rank: no message is under way afterwards. Every rank calls this, if the job
  /// is to end in order.
  ///
  /// - Throws: `MPIError`.
  public func finish() throws {
    guard communicator.size > 1 else { return }
    // Whoever stops before all are here is noticed.
    try communicator.barrier()
    isFinishing = true
    try send.take()?.wait()
    try tell(.last)
    while let arriving = receive.take() {
      try arriving.wait()
      try hear()
    }
    try send.take()?.wait()
  }

  /// After the last sign nothing more comes; it may come while this rank still waits for others.
  private func hear() throws {
    silence = .zero
    receive = nil
    if bytes[0] != Sign.last.rawValue { try listen() }
  }

  private func listen() throws {
    receive = try communicator.startReceive(
      into: .init(rebasing: bytes[..<1]), from: watchedRank, tag: Self.tag)
  }

  private func tell(_ sign: Sign) throws {
    bytes[1] = sign.rawValue
    let watcher = (communicator.rank + communicator.size - 1) % communicator.size
    send = try communicator.startSend(
      UnsafeRawBufferPointer(rebasing: bytes[1...]), to: watcher, tag: Self.tag)
  }
}

/// A name in as many bytes on every rank.
private struct HostName: BitwiseCopyable {
  private var bytes: InlineArray<256, UInt8> = .init(repeating: 0)

  init(_ text: String) {
    for (index, byte) in text.utf8.prefix(256).enumerated() { bytes[index] = byte }
  }

  var text: String {
    String(decoding: bytes.indices.map { bytes[$0] }.prefix { $0 != 0 }, as: UTF8.self)
  }
}
