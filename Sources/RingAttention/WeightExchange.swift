import Kernels
import MPI
import Ranks
import Synchronization

// Weights that are divided over hosts, on their way to all of them. A prefill computes layer n with the
// weights in one half of a room that the ranks of a host share, while those of layer n + 1 come into the
// other half. One rank of each host sends its host's part to the others and receives theirs, in messages
// of which few are under way at a time: blocks of keys and values, which somebody may be waiting for,
// never queue behind a layer. Memory of MPI's own is not needed, since parts are sent from where they
// lie and received where they are read.

/// Weights that pass at once: a layer's, or some rows of the embedding.
public struct WeightStage: Sendable, Equatable {
  /// Where in the parts' memory its beginning lies, in bytes; what lies behind that has the same
  /// distance from the beginning of its half of the room.
  public let start: Int
  /// Which half of the room it comes to: another one than the stage before.
  public let half: Int
  /// `[pieces][hosts]`: bytes of the parts' memory. Pieces are whole matrices or rows of one.
  public let pieces: [[Range<Int>]]

  public init(start: Int, half: Int, pieces: [[Range<Int>]]) {
    self.start = start
    self.half = half
    self.pieces = pieces
  }

  /// The parts' addresses that it has, from its first to its last.
  public var extent: Range<Int> {
    start..<max(start, pieces.joined().filter { !$0.isEmpty }.map(\.upperBound).max() ?? start)
  }

  /// Of one piece, so many bytes of each host at most.
  public func beginning(bytesOfHost: Int) -> WeightStage {
    let largest = pieces.max { $0.reduce(0) { $0 + $1.count } < $1.reduce(0) { $0 + $1.count } }
    return WeightStage(
      start: start, half: half,
      pieces: (largest.map { [$0] } ?? []).map { $0.map { $0.prefix(bytesOfHost) } }
        .map { $0.map { $0.startIndex..<$0.endIndex } })
  }

  /// Of all hosts' parts.
  public var bytes: Int { pieces.reduce(0) { $0 + $1.reduce(0) { $0 + $1.count } } }
}

/// Where weights are that are divided over hosts: this host's part, and the room for those that come.
public struct WeightMemory: Sendable {
  /// Of all weights, of which only this host's part is there.
  let parts: SharedMemory
  /// Numbers by which the host's ranks know where the others are, then two halves.
  private let room: SharedMemory
  private let numbersBytes: Int
  private let halfBytes: Int

  /// Bytes of a room.
  public static func roomBytes(halfBytes: Int, ranks: Int) -> Int {
    numbersBytes(ranks: ranks) + 2 * halfBytes
  }

  private static let lineBytes = 64
  private static func numbersBytes(ranks: Int) -> Int {
    (lineBytes * (1 + ranks) + 4095) / 4096 * 4096
  }

  /// A collective of the host.
  ///
  /// - Parameter halfBytes: a multiple of 64; of the largest stage.
  /// - Throws: `SharedMemoryError`, on every rank of the host or on none; `MPIError`.
  public init(parts: SharedMemory, halfBytes: Int, host: Communicator) throws {
    self.parts = parts
    self.halfBytes = halfBytes
    numbersBytes = Self.numbersBytes(ranks: host.size)
    room = try SharedMemory(
      byteCount: Self.roomBytes(halfBytes: halfBytes, ranks: host.size), host: host)
  }

  /// Where a half of the room begins; the second one follows the first one.
  public func half(_ half: Int) -> UnsafeMutableRawPointer {
    room.bytes.baseAddress! + numbersBytes + half * halfBytes
  }

  /// What keeps the room valid.
  public var owner: AnyObject { room }

  /// How many stages have come.
  fileprivate var arrived: UnsafeMutablePointer<Atomic<Int>> { number(0) }

  /// How many stages a rank of the host has done with.
  fileprivate func finished(by rank: Int) -> UnsafeMutablePointer<Atomic<Int>> {
    number(1 + rank)
  }

  private func number(_ index: Int) -> UnsafeMutablePointer<Atomic<Int>> {
    (room.bytes.baseAddress! + index * Self.lineBytes).assumingMemoryBound(to: Atomic<Int>.self)
  }
}

/// One pass of weights to all hosts, stage by stage.
public final class WeightExchange {
  /// Of one host to another one.
  private static let bytesPerMessage = 1 << 20
  /// Steps, each a message from every host to every other one, that are under way at a time.
  private static let stepsAhead = 3
  private static let tag = 0

  private let memory: WeightMemory
  private let stages: [WeightStage]
  private let communicator: Communicator
  private let host: Communicator
  /// One rank of each host, on these.
  private let leaders: Communicator?
  /// Steps of all stages, in the order in which every host takes them.
  private let steps: [Step]
  private var begun = 0
  private var underWay: [[Message]] = []
  private var failure: (any Error)?
  /// Seconds in which this rank waited for weights.
  public private(set) var exposedSeconds = 0.0
  /// By this rank, to other hosts.
  public private(set) var bytesSent = 0

  private struct Step {
    let stage: Int
    /// `[hosts]`: bytes of the parts' memory, at most as many as a message has.
    let parts: [Range<Int>]
    let isLastOfStage: Bool
  }

  private final class Message {
    var request: PendingRequest?
    init(_ request: consuming PendingRequest) { self.request = consume request }
  }

  /// A collective of all ranks.
  ///
  /// - Parameter stages: in their order, the same on every rank.
  /// - Throws: `MPIError`.
  public init(
    _ memory: WeightMemory, stages: [WeightStage], communicator: Communicator
  ) throws {
    self.memory = memory
    self.stages = stages
    self.communicator = communicator
    host = try communicator.hostCommunicator()
    leaders = try communicator.group(ofThis: host.rank == 0)
    steps = stages.indices.flatMap { Self.steps(of: stages[$0], number: $0) }
    if host.rank == 0 {
      memory.arrived.pointee.store(0, ordering: .relaxed)
      for rank in 0..<host.size { memory.finished(by: rank).pointee.store(0, ordering: .relaxed) }
    }
    try communicator.barrier()
  }

  deinit {
    // Only where the job ends by an error is anything still under way.
    for message in underWay.joined() { try? message.request.take()?.abandon() }
  }

  /// Every host's part of a piece takes equally many steps.
  private static func steps(of stage: WeightStage, number: Int) -> [Step] {
    let parts = stage.pieces.flatMap { hosts -> [[Range<Int>]] in
      let most = hosts.map(\.count).max() ?? 0
      let count = (most + bytesPerMessage - 1) / bytesPerMessage
      return (0..<count).map { step in
        hosts.map { part in
          let bounds = [step, step + 1].map { part.lowerBound + part.count * $0 / count }
          return bounds[0]..<bounds[1]
        }
      }
    }
    return parts.enumerated().map {
      Step(stage: number, parts: $1, isLastOfStage: $0 == parts.count - 1)
    }
  }

  /// Moves messages on; to be called often, also while the rank computes. An error is kept for
  /// `awaitStage`.
  public func poll() {
    guard let leaders, failure == nil, !underWay.isEmpty || begun < steps.count else { return }
    do {
      while let first = underWay.first {
        for message in first where try !(message.request?.test() ?? true) { return try beginMore() }
        end(steps[begun - underWay.count])
        underWay.removeFirst()
      }
      try beginMore()
    } catch {
      failure = error
    }

    func beginMore() throws {
      while underWay.count < Self.stepsAhead, begun < steps.count,
        hasRoom(for: steps[begun].stage)
      {
        try begin(steps[begun], among: leaders)
      }
    }
  }

  /// Whether no rank of the host reads any more what lies where the stage comes to.
  private func hasRoom(for stage: Int) -> Bool {
    (0..<host.size).allSatisfy {
      memory.finished(by: $0).pointee.load(ordering: .acquiring) >= stage - 1
    }
  }

  private func begin(_ step: Step, among leaders: Communicator) throws {
    let stage = stages[step.stage]
    let target = memory.half(stage.half)
    let source = memory.parts.bytes.baseAddress!
    let (own, hosts) = (leaders.rank, leaders.size)
    var messages: [Message] = []
    begun += 1
    defer { underWay.append(messages) }
    // Each begins with the host after it, so that not all send to one.
    for distance in 1..<max(hosts, 1) {
      let from = (own + hosts - distance) % hosts
      let part = step.parts[from]
      guard !part.isEmpty else { continue }
      messages.append(
        Message(
          try leaders.startReceive(
            into: UnsafeMutableRawBufferPointer(
              start: target + (part.lowerBound - stage.start), count: part.count), from: from,
            tag: Self.tag)))
    }
    let part = step.parts[own]
    guard !part.isEmpty else { return }
    let bytes = UnsafeRawBufferPointer(start: source + part.lowerBound, count: part.count)
    for distance in 1..<max(hosts, 1) {
      messages.append(
        Message(try leaders.startSend(bytes, to: (own + distance) % hosts, tag: Self.tag)))
      bytesSent += part.count
    }
    (target + (part.lowerBound - stage.start)).copyMemory(
      from: bytes.baseAddress!, byteCount: bytes.count)
  }

  private func end(_ step: Step) {
    guard step.isLastOfStage else { return }
    memory.arrived.pointee.store(step.stage + 1, ordering: .releasing)
  }

  /// Waits until a stage's weights are all there. Those of the stages before are not read any more.
  ///
  /// - Parameter stop: polled meanwhile.
  /// - Returns: false where `stop` gives up what they are for.
  /// - Throws: `MPIError`.
  public func awaitStage(_ stage: Int, _ stop: PrefillStop? = nil) throws -> Bool {
    let began = ContinuousClock.now
    defer { exposedSeconds += (ContinuousClock.now - began).seconds }
    memory.finished(by: host.rank).pointee.store(stage, ordering: .releasing)
    var isGivenUp = false
    communicator.wait {
      poll()
      stop?.poll()
      isGivenUp = stop?.abandonsLayer ?? false
      return isGivenUp || failure != nil
        || memory.arrived.pointee.load(ordering: .acquiring) > stage
    }
    if let failure { throw failure }
    return !isGivenUp
  }

  /// Ends the pass, also before its last stage: no message is under way afterwards. Every rank calls
  /// this, and reads none of the weights any more.
  ///
  /// - Throws: `MPIError`.
  public func finish() throws {
    // What comes may lie where a rank of this host still reads.
    try host.barrier()
    guard let leaders else { return }
    if let failure { throw failure }
    // What one host has begun to send, the others have to receive.
    let all = try leaders.allReduce(value: begun, .maximum)
    while begun < all { try begin(steps[begun], among: leaders) }
    for message in underWay.joined() { try message.request.take()?.wait() }
    underWay = []
  }
}
