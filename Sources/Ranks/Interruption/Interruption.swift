import MPI

// A signal reaches one rank, or some, or all of them. A rank that knows of it tells the ranks 1, 2,
// 4, 8 … places after it, once, whether it got the signal itself or heard of it; so the last of P
// ranks knows after log2 P messages. Every one of these links carries exactly one message in its
// life: "stop", or at the end "nothing came". So no message is left when MPI ends.

/// The wish that the ranks end their work early, from a signal on any of them to all.
///
/// Only the thread that started MPI uses it.
public final class Interruption {
  /// Between two looks at the messages; a signal of one's own is seen at once.
  private static let interval = Duration.milliseconds(5)

  /// Whether this rank knows of a signal, its own or another rank's.
  public private(set) var isRequested = false

  /// Also for the agreement on where to stop.
  public let communicator: Communicator
  private let isSignalled: () -> Bool
  private let links: [Link]
  private var nextLook = ContinuousClock.now
  private var isFinished = false
  private var failure: (any Error)?

  /// A collective.
  ///
  /// - Parameter isSignalled: whether this rank got a signal; asked very often.
  /// - Throws: `MPIError`.
  public init(communicator: Communicator, isSignalled: @escaping () -> Bool) throws {
    self.communicator = try communicator.duplicate()
    self.isSignalled = isSignalled
    let ranks = communicator.size
    var distances: [Int] = []
    while 1 << distances.count < ranks { distances.append(1 << distances.count) }
    var links: [Link] = []
    for distance in distances {
      links.append(try Link(self.communicator, distance: distance))
    }
    self.links = links
  }

  /// Looks for a signal and for messages, and passes on what it learns; cheap, to be called between
  /// small pieces of work. An error is kept for what throws.
  public func poll() {
    guard !isRequested, !isFinished, failure == nil else { return }
    do {
      if isSignalled() { return try request() }
      let now = ContinuousClock.now
      guard now >= nextLook else { return }
      nextLook = now + Self.interval
      for link in links where try link.hasArrived() && link.saysStop { return try request() }
    } catch {
      failure = error
    }
  }

  /// Throws the error that `poll()` met, if any.
  public func throwFailure() throws {
    if let failure { throw failure }
  }

  /// Makes it known here, and to the ranks that hear of it from here.
  public func request() throws {
    guard !isRequested else { return }
    isRequested = true
    for link in links { try link.tell(stop: true) }
  }

  /// Ends it on every rank: no message is under way afterwards. Every rank calls this, if the job
  /// is to end in order.
  ///
  /// - Throws: `MPIError`.
  public func finish() throws {
    try throwFailure()
    isFinished = true
    for link in links where !link.hasTold { try link.tell(stop: false) }
    for link in links { try link.finish() }
  }
}

/// To the rank `distance` places after this one, and from the one as far before it.
private final class Link {
  private static let tag = 0

  private let communicator: Communicator
  private let destination: Int
  /// What is received, and what is sent.
  private let bytes: UnsafeMutableRawBufferPointer
  private var receive: PendingRequest?
  private var send: PendingRequest?
  private(set) var hasTold = false

  init(_ communicator: Communicator, distance: Int) throws {
    self.communicator = communicator
    let (rank, ranks) = (communicator.rank, communicator.size)
    destination = (rank + distance) % ranks
    bytes = .allocate(byteCount: 2, alignment: 1)
    receive = try communicator.startReceive(
      into: .init(rebasing: bytes[..<1]), from: (rank + ranks - distance) % ranks, tag: Self.tag)
  }

  deinit {
    // Where the job ends in order nothing is under way any more. Else the memory stays, because MPI
    // may still use it.
    let isOver = receive == nil && send == nil
    try? receive.take()?.abandon()
    try? send.take()?.abandon()
    if isOver { bytes.deallocate() }
  }

  func hasArrived() throws -> Bool { try receive?.test() ?? true }

  /// Whether what has arrived is the wish to stop.
  var saysStop: Bool { bytes[0] == 1 }

  func tell(stop: Bool) throws {
    hasTold = true
    bytes[1] = stop ? 1 : 0
    send = try communicator.startSend(
      UnsafeRawBufferPointer(rebasing: bytes[1...]), to: destination, tag: Self.tag)
  }

  func finish() throws {
    try receive.take()?.wait()
    try send.take()?.wait()
  }
}
