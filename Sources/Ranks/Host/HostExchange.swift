import Kernels
import MPI

// Exchanges of a decode step: few bytes, many times a token, so that what counts is how long they take
// and not how much is sent. Ranks of one host have them through memory that they share, where a rank
// that arrives writes one number and the others look at one; a message of MPI's takes several of its
// own steps, each of which waits for a rank to run. Among hosts, one rank of each speaks for its host.

/// What every rank has a part of, brought to every rank by memory that the ranks of a host share.
///
/// Every rank calls the same methods in the same order.
public final class HostExchange {
  public let communicator: Communicator

  /// Ranks that share memory with this one, and its number among them.
  let ranks: Int
  let rank: Int
  /// The first ranks of all hosts, on one of them and if there are several hosts.
  let leaders: Communicator?
  /// Whether all ranks share memory.
  public let hasOneHost: Bool
  /// By rank: which host it is on, and its number there.
  private let places: [Place]
  /// By rank: the number of its host, in the order of their first ranks.
  public let hosts: [Int]
  /// The number of this rank's.
  public var host: Int { hosts[communicator.rank] }
  public let hostCount: Int
  /// The ranks of this host.
  public let ranksOfHost: [Int]
  private let memory: SharedMemory
  /// The most bytes that a rank gives at a time.
  public let slotBytes: Int
  let gate: HostGate
  /// How many exchanges there have been with others.
  public internal(set) var exchanges = 0
  /// How many of them were among hosts, and the bytes that this rank has sent to other hosts for them.
  public internal(set) var exchangesAmongHosts = 0
  public internal(set) var bytesAmongHosts = 0
  /// Which of the two halves of the memory is in use: who is still reading reads the other.
  var half = 0
  /// What other hosts have sent, on a host's first rank.
  var received = AlignedBuffer<UInt8>(count: 0)

  fileprivate struct Place: BitwiseCopyable {
    var host: Int32
    var number: Int32
  }

  /// Bytes that a rank has of the host's memory.
  ///
  /// - Parameter bytes: the most that a rank gives at a time.
  public static func bytesPerRank(giving bytes: Int) -> Int { 2 * slot(bytes) }

  private static func slot(_ bytes: Int) -> Int { max(64, (bytes + 63) / 64 * 64) }

  /// A collective.
  ///
  /// - Parameters:
  ///   - bytes: the most that a rank gives at a time; the same on every rank.
  ///   - bytesAlone: the same where the ranks of a host cannot share memory; `bytes` if nil.
  ///   - haveCores: whether each of these ranks has a core, though there are others on its host.
  ///   - host: ranks that share memory, this one among them; by default all of its host.
  /// - Throws: `MPIError`, and `SharedMemoryError` where memory is lacking.
  public init(
    _ communicator: Communicator, bytes: Int, bytesAlone: Int? = nil, haveCores: Bool = false,
    host: Communicator? = nil
  ) throws {
    self.communicator = communicator
    var slotBytes = Self.slot(bytes)
    var host = try host ?? communicator.hostCommunicator()
    var shared: SharedMemory?
    do { shared = try Self.memory(host, slotBytes) } catch is SharedMemoryError {}
    // Where ranks of a host cannot share memory, each is a host by itself.
    if try communicator.allReduce(value: shared == nil ? 0 : 1, .minimum) == 0 {
      host = try MPIEnvironment.communicatorOfThisRank()
      shared = nil
      slotBytes = Self.slot(bytesAlone ?? bytes)
    }
    self.slotBytes = slotBytes
    memory = try shared ?? Self.memory(host, slotBytes)
    (ranks, rank) = (host.size, host.rank)
    hasOneHost = ranks == communicator.size
    let first = try host.allReduce(value: communicator.rank, .minimum)
    places = try communicator.allGather(value: Place(host: Int32(first), number: Int32(rank)))
    let firsts = Set(places.map(\.host)).sorted()
    hosts = places.map { firsts.firstIndex(of: $0.host)! }
    hostCount = firsts.count
    ranksOfHost = [Int](places.indices).filter { [places] in Int(places[$0].host) == first }
    leaders = hasOneHost ? nil : try communicator.group(ofThis: rank == 0)
    // While it waits for other hosts, those of its own sleep.
    if haveCores { leaders?.waitPolicy = .spin }
    gate = HostGate(
      memory.bytes.baseAddress!, ranks: ranks, communicator: communicator, haveCores: haveCores)
  }

  private static func memory(_ host: Communicator, _ slotBytes: Int) throws -> SharedMemory {
    try SharedMemory(byteCount: HostGate.bytes + 2 * host.size * slotBytes, host: host)
  }

  // MARK: - Where the parts are

  /// Where this rank puts its part of the next exchange.
  public var part: UnsafeMutableRawPointer { slot(of: rank) }

  func slot(of rank: Int) -> UnsafeMutableRawPointer {
    memory.bytes.baseAddress! + HostGate.bytes + (half * ranks + rank) * slotBytes
  }

  // MARK: - Gathering

  /// How many bytes each rank gives; made once, so that an exchange takes no memory.
  public final class GatherPlan {
    fileprivate let bytes: [Int]
    /// Among hosts: the leaders' shares, where each rank's part is in all of them together, and which
    /// ranks are on this host.
    fileprivate let amongLeaders: AllGatherPlan<UInt8>?
    fileprivate let offsets: [Int]
    fileprivate let ofHost: [Int]
    fileprivate let all: UnsafeMutableBufferPointer<UInt8>

    deinit { all.deallocate() }

    fileprivate init(bytes: [Int], places: [Place], own: Int32, hasOneHost: Bool) throws {
      self.bytes = bytes
      ofHost = bytes.indices.filter { places[$0].host == own }
      guard !hasOneHost else {
        (amongLeaders, offsets) = (nil, [])
        all = .allocate(capacity: 0)
        return
      }
      // Leaders stand in the order of their own ranks, which is how their hosts are named.
      let hosts = Set(places.map(\.host)).sorted()
      var offsets = [Int](repeating: 0, count: bytes.count)
      var end = 0
      var shares: [Int] = []
      for host in hosts {
        let start = end
        for rank in bytes.indices where places[rank].host == host {
          offsets[rank] = end
          end += bytes[rank]
        }
        shares.append(end - start)
      }
      self.offsets = offsets
      amongLeaders = try AllGatherPlan(counts: shares)
      all = .allocate(capacity: end)
    }
  }

  /// - Parameter bytes: of each rank, at most as many as a rank gives at a time.
  /// - Throws: `MPIError`.
  public func gatherPlan(bytes: [Int]) throws -> GatherPlan {
    precondition(bytes.allSatisfy { $0 <= slotBytes }, "a part fits where it is put")
    return try GatherPlan(
      bytes: bytes, places: places, own: places[communicator.rank].host, hasOneHost: hasOneHost)
  }

  /// Gives `read` each rank's part, which it has put at `part`.
  ///
  /// - Throws: `MPIError`.
  public func gather(
    _ plan: GatherPlan, _ read: (_ rank: Int, _ part: UnsafeRawPointer) -> Void
  ) throws {
    if communicator.size == 1 { return read(0, part) }
    exchanges += 1
    defer { half = 1 - half }
    gate.meet()
    guard let amongLeaders = plan.amongLeaders else {
      for rank in 0..<ranks { read(rank, slot(of: rank)) }
      return
    }
    exchangesAmongHosts += 1
    try gatherAmongHosts(plan, amongLeaders)
    for rank in plan.bytes.indices { read(rank, plan.all.baseAddress! + plan.offsets[rank]) }
  }

  /// Of several hosts: the leader fetches the other hosts' parts, and every rank of the host copies all
  /// of them, in pieces that have room.
  private func gatherAmongHosts(
    _ plan: GatherPlan, _ amongLeaders: AllGatherPlan<UInt8>
  ) throws {
    if let leaders {
      for rank in plan.ofHost {
        (plan.all.baseAddress! + plan.offsets[rank]).update(
          from: slot(of: Int(places[rank].number)).assumingMemoryBound(to: UInt8.self),
          count: plan.bytes[rank])
      }
      try leaders.allGatherInPlace(plan.all, plan: amongLeaders)
      bytesAmongHosts += (hostCount - 1) * plan.ofHost.reduce(0) { $0 + plan.bytes[$1] }
    }
    share(UnsafeMutableRawBufferPointer(plan.all))
  }

  /// Brings the bytes of a host's first rank to its others, behind a meeting after which nobody but that
  /// rank reads the slots: there is where all find them.
  func share(_ bytes: UnsafeMutableRawBufferPointer) {
    guard ranks > 1 else { return }
    let (window, room) = (slot(of: 0), ranks * slotBytes)
    for start in stride(from: 0, to: bytes.count, by: room) {
      let piece = bytes.baseAddress! + start
      let count = min(room, bytes.count - start)
      if start > 0 { gate.meet() }  // all have copied the piece before
      if rank == 0 { window.copyMemory(from: piece, byteCount: count) }
      gate.meet()
      if rank > 0 { piece.copyMemory(from: window, byteCount: count) }
    }
  }

  /// Gives `read` the part of each rank of this host, which it has put at `part`.
  public func gatherOnHost(_ read: (_ rank: Int, _ part: UnsafeRawPointer) -> Void) {
    guard ranks > 1 else { return read(communicator.rank, part) }
    exchanges += 1
    defer { half = 1 - half }
    gate.meet()
    for (number, rank) in ranksOfHost.enumerated() { read(rank, slot(of: number)) }
  }

  // MARK: - Reducing

  /// Rows of all ranks up to which one rank combines them, or every rank: that is less than to meet once
  /// more.
  private static let rowsCombinedByAll = 256

  /// Which rows each host wants.
  public final class ReductionPlan {
    /// By host.
    public let wanted: [Range<Int>]
    fileprivate let rows: Int
    /// Among hosts' first ranks; nil where MPI's own reduction takes less time.
    fileprivate let allToAll: AllToAllPlan?

    fileprivate init(
      rows: Int, rowBytes: Int, wanted: [Range<Int>], own: Int, hasLeaders: Bool
    ) throws {
      (self.rows, self.wanted) = (rows, wanted)
      let isDirect = HostLink.isDirectReductionFaster(
        bytes: wanted.reduce(0) { $0 + $1.count } * rowBytes / max(1, wanted.count),
        hosts: wanted.count)
      guard hasLeaders, isDirect else {
        allToAll = nil
        return
      }
      let count = wanted[own].count
      allToAll = try AllToAllPlan(
        sent: wanted.enumerated().map { $0 == own ? 0..<0 : $1 },
        received: wanted.indices.map { $0 == own ? 0..<0 : $0 * count..<($0 + 1) * count },
        elementBytes: rowBytes)
    }
  }

  /// - Parameters:
  ///   - rows: equally many on every rank.
  ///   - wanted: by host: the rows that it wants.
  /// - Throws: `MPIError`.
  public func reductionPlan(
    rows: Int, rowBytes: Int, wanted: [Range<Int>]
  ) throws -> ReductionPlan {
    precondition(
      rows * rowBytes <= slotBytes && wanted.count == hostCount, "a part fits where it is put")
    let plan = try ReductionPlan(
      rows: rows, rowBytes: rowBytes, wanted: wanted, own: host, hasLeaders: leaders != nil)
    if leaders != nil { reserve(hostCount * wanted[host].count * rowBytes) }
    return plan
  }

  func reserve(_ bytes: Int) {
    if received.count < bytes { received = AlignedBuffer(count: bytes) }
  }

  /// Combines what all ranks have put at `part`, row by row.
  ///
  /// - Parameters:
  ///   - operation: of rows.
  ///   - result: takes the rows that the host wants, each in its place; nil on a rank that does not want
  ///     them.
  ///   - combine: adds a row to another one; the operation, in whichever order gives the same bits.
  /// - Throws: `MPIError`.
  public func reduce(
    _ plan: ReductionPlan, with operation: ReductionOperation,
    into result: UnsafeMutableRawPointer?,
    _ combine: (_ row: UnsafeRawPointer, _ into: UnsafeMutableRawPointer) -> Void
  ) throws {
    let (rows, rowBytes) = (plan.rows, operation.elementBytes)
    if communicator.size == 1 {
      result?.copyMemory(from: part, byteCount: rows * rowBytes)
      return
    }
    exchanges += 1
    defer { half = 1 - half }
    gate.meet()
    if hasOneHost, rows * ranks <= Self.rowsCombinedByAll {
      guard let result else { return }
      result.copyMemory(from: part, byteCount: rows * rowBytes)
      for other in 0..<ranks where other != rank {
        combineRows(0..<rows, rowBytes, from: slot(of: other), into: result, combine)
      }
      return
    }
    // Each combines some rows, in the first rank's place; of few, that rank all.
    let isShared = rows * ranks > Self.rowsCombinedByAll
    let own =
      isShared
      ? rows * rank / ranks..<rows * (rank + 1) / ranks : 0..<(rank == 0 ? rows : 0)
    for other in 1..<ranks {
      combineRows(own, rowBytes, from: slot(of: other), into: slot(of: 0), combine)
    }
    if isShared { gate.meet() }
    try reduceAmongHosts(plan, with: operation, combine)
    if !hasOneHost { gate.meet() }
    let wanted = plan.wanted[host]
    result.map { $0 + wanted.lowerBound * rowBytes }?.copyMemory(
      from: slot(of: 0) + wanted.lowerBound * rowBytes, byteCount: wanted.count * rowBytes)
  }

  /// A host's rows are in its first rank's place, and there are those that it wants afterwards.
  private func reduceAmongHosts(
    _ plan: ReductionPlan, with operation: ReductionOperation,
    _ combine: (_ row: UnsafeRawPointer, _ into: UnsafeMutableRawPointer) -> Void
  ) throws {
    if !hasOneHost { exchangesAmongHosts += 1 }
    guard let leaders else { return }
    let (own, rowBytes) = (slot(of: 0), operation.elementBytes)
    guard let allToAll = plan.allToAll else {
      bytesAmongHosts += plan.rows * rowBytes
      return try leaders.allReduce(
        elements: UnsafeMutableRawBufferPointer(start: own, count: plan.rows * rowBytes),
        with: operation)
    }
    let others = UnsafeMutableRawPointer(received.pointer)
    try leaders.allToAll(own, into: others, plan: allToAll)
    let wanted = plan.wanted[host]
    for other in 0..<hostCount where other != host {
      bytesAmongHosts += plan.wanted[other].count * rowBytes
      combineRows(
        0..<wanted.count, rowBytes, from: others + other * wanted.count * rowBytes,
        into: own + wanted.lowerBound * rowBytes, combine)
    }
  }

  private func combineRows(
    _ rows: Range<Int>, _ rowBytes: Int, from source: UnsafeRawPointer,
    into destination: UnsafeMutableRawPointer,
    _ combine: (_ row: UnsafeRawPointer, _ into: UnsafeMutableRawPointer) -> Void
  ) {
    for row in rows { combine(source + row * rowBytes, destination + row * rowBytes) }
  }
}
