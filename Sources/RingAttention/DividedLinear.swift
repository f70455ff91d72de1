import Kernels
import Ranks

/// Linear layers of the appending path, divided over the ranks: P ranks read each weight once between
/// them. By output rows, where every output is one whole dot product; or among hosts by columns, that is
/// by chunks of the inputs, and within a host by rows, where outputs are sums over the chunks. The
/// division does not show in the result.
public final class DividedLinear {
  /// How layers are divided among hosts.
  public enum Division: Sendable, CaseIterable {
    /// By columns, by rows or not at all, whichever is likely to take least time.
    case bySizes
    /// All of them by rows.
    case alwaysByRows
    /// By columns whatever has columns to divide, and nothing by rows.
    case alwaysByColumns
  }

  /// The most bytes that a rank gives the others at a time.
  ///
  /// - Parameters:
  ///   - elements: the most rows times outputs of one group of layers.
  ///   - sums: the most rows times outputs of one that is divided by columns, each of so many bytes.
  ///   - rows: the most rows.
  ///   - ranks: that compute, on the host that has least.
  public static func bytesGiven(
    elements: Int, sums: (elements: Int, bytes: Int) = (0, 0), rows: Int, ranks: Int
  ) -> Int {
    max(
      (elements / ranks + rows) * MemoryLayout<Float>.stride,
      (sums.elements / ranks + rows) * sums.bytes)
  }

  let arithmetic: Arithmetic
  let exchange: HostExchange
  private let division: Division
  /// How many ranks compute, of those that exchange; all of these know what comes of it.
  private let computing: Int
  /// By rank: its number among those that compute; nil where it computes nothing.
  private let numbers: [Int?]
  private var ownNumber: Int? { numbers[exchange.communicator.rank] }
  /// The same among those of its host, and how many these are.
  private let numbersOnHost: [Int?]
  private let computingOnHost: Int
  /// By the number of rows and of all outputs: made once, so that a decode step allocates nothing.
  private var gathers: [Shape: HostExchange.GatherPlan] = [:]
  private var sums: [Shape: HostExchange.SumPlan] = [:]
  public private(set) var bytesSent = 0

  private struct Shape: Hashable {
    let rows: Int
    let outputs: Int
  }

  /// - Parameters:
  ///   - exchange: of `bytesGiven` bytes at least.
  ///   - computing: the ranks that compute, in the order in which they share out outputs, one of each host at
  ///     least; all if nil.
  public init(
    arithmetic: Arithmetic, exchange: HostExchange, computing: [Int]? = nil,
    division: Division = .bySizes
  ) {
    self.arithmetic = arithmetic
    self.exchange = exchange
    self.division = division
    let ranks = 0..<exchange.communicator.size
    let computing = computing ?? Array(ranks)
    self.computing = computing.count
    numbers = ranks.map { computing.firstIndex(of: $0) }
    let hosts = exchange.hosts
    numbersOnHost = ranks.map { rank in
      computing.filter { hosts[$0] == hosts[rank] }.firstIndex(of: rank)
    }
    computingOnHost = computing.count { hosts[$0] == exchange.host }
  }

  // MARK: - What is divided

  /// Among whom a group is divided by rows.
  enum Sharers { case none, ranksOfHost, allRanks }

  func sharers(bytes: Int, outputs: Int, rows: Int) -> Sharers {
    let isAmongHosts =
      switch division {
      case .alwaysByRows: true
      case .alwaysByColumns: false
      case .bySizes:
        Self.isWorthDividingAmongHosts(
          bytes: bytes, hosts: exchange.hostCount, ranks: computing,
          exchangeSeconds: HostLink.secondsOfGathering(bytes: 4 * rows * outputs))
      }
    if exchange.hostCount > 1, isAmongHosts { return .allRanks }
    // Ranks that compute nothing are brought what the others do.
    let isOnHost =
      computingOnHost < exchange.ranksOfHost.count
      || Self.isWorthDividingOnHost(bytes: bytes, ranks: computingOnHost)
    return isOnHost ? .ranksOfHost : .none
  }

  /// By host: the chunks of the last layer's inputs that it multiplies; nil where that is not divided by
  /// columns.
  ///
  /// - Parameters:
  ///   - layers: that are divided together.
  ///   - inputs: of the last one.
  public func chunks(of inputs: InputChunks, layers: ChainedLayers) -> HostChunks? {
    let units = SumUnits(inputs)
    return isDividedByColumns(units, layers)
      ? units.shares(hosts: exchange.hostCount, own: exchange.host) : nil
  }

  func isDividedByColumns(_ units: SumUnits, _ layers: ChainedLayers) -> Bool {
    let hosts = exchange.hostCount
    guard hosts > 1, division != .alwaysByRows else { return false }
    return division == .alwaysByColumns
      || layers.isFasterByColumns(
        of: units, hosts: hosts, ranksOfHost: computing / hosts, keepsRests: arithmetic.keepsRests)
  }

  /// The outputs that a rank computes of a group that is divided: by its number among those that
  /// compute.
  private func share(_ number: Int?, of count: Int, outputs: Int) -> Range<Int> {
    guard let number else { return 0..<0 }
    return WeightDivision.share(of: number..<number + 1, among: count, outputs: outputs)
  }

  private func share(of number: Int?, outputs: Int) -> Range<Int> {
    share(number, of: computing, outputs: outputs)
  }

  private func shareOnHost(of rank: Int, outputs: Int) -> Range<Int> {
    share(numbersOnHost[rank], of: computingOnHost, outputs: outputs)
  }

  /// What this rank computes of so many outputs, if these are shared out so.
  func ownShare(outputs: Int, among sharers: Sharers) -> Range<Int> {
    switch sharers {
    case .none: 0..<outputs
    case .ranksOfHost: shareOnHost(of: exchange.communicator.rank, outputs: outputs)
    case .allRanks: ownShare(outputs: outputs)
    }
  }

  /// What this rank computes of so many outputs that are divided by rows.
  func ownShare(outputs: Int) -> Range<Int> { share(of: ownNumber, outputs: outputs) }

  // MARK: - By rows

  /// `output[row] = ` all outputs of the group, one after the other.
  ///
  /// - Parameters:
  ///   - inputs: `[rows]` of the group's type, the same on every rank.
  ///   - output: `[rows][group.outputs]` float32, the same on every rank afterwards.
  /// - Throws: `MPIError`.
  public func multiply(
    _ group: LinearGroup, inputs: MatrixInputs, rows: Int,
    into output: UnsafeMutablePointer<Float>
  ) throws {
    let sharers = sharers(bytes: group.bytes, outputs: group.outputs, rows: rows)
    try compute(outputs: group.outputs, rows: rows, by: sharers, into: output) { own, part in
      arithmetic.multiplyRows(
        group, range: own, inputs: inputs, rows: rows, outputs: part, outputStride: own.count)
    }
  }

  /// `output[row] = ` these outputs of each matrix of the group, one after the other, on every rank of
  /// the host.
  ///
  /// - Parameters:
  ///   - range: of each matrix's outputs.
  ///   - output: `[rows][matrices · range.count]` float32.
  public func multiplyOnHost(
    _ group: LinearGroup, outputsOfEach range: Range<Int>, inputs: MatrixInputs, rows: Int,
    into output: UnsafeMutablePointer<Float>
  ) throws {
    let outputs = group.matrices.count * range.count
    let sharers = sharersOnHost(bytes: group.bytes / max(1, group.outputs) * outputs)
    try compute(outputs: outputs, rows: rows, by: sharers, into: output) { own, part in
      arithmetic.multiplyRows(
        group, range: own, outputsOfEach: range, inputs: inputs, rows: rows, outputs: part)
    }
  }

  /// Among whom outputs are shared out that other hosts do not need.
  func sharersOnHost(bytes: Int) -> Sharers {
    Self.isWorthDividingOnHost(bytes: bytes, ranks: computingOnHost) ? .ranksOfHost : .none
  }

  // MARK: - By columns

  /// `output[row] = ` all outputs of the group, each a sum over chunks of the inputs.
  ///
  /// - Parameters:
  ///   - inputs: `[rows]` of the chunks that this host multiplies.
  ///   - isDivided: whether other hosts multiply others.
  ///   - output: `[rows][group.outputs]` float32, the same on every rank afterwards.
  /// - Throws: `MPIError`.
  public func multiplyChunks(
    _ group: LinearGroup, inputs: ChunkInputs, isDivided: Bool, rows: Int,
    into output: UnsafeMutablePointer<Float>
  ) throws {
    let outputs = group.outputs
    guard isDivided else {
      let sharers = sharers(bytes: group.bytes, outputs: outputs, rows: rows)
      return try compute(outputs: outputs, rows: rows, by: sharers, into: output) { own, part in
        arithmetic.multiplyChunks(
          group, range: own, inputs: inputs.inputs, rows: rows, outputs: part,
          outputStride: own.count)
      }
    }
    try sum(outputs: outputs, rows: rows, into: output) { own, sums in
      if inputs.chunks.isEmpty { sums.clear(rows: rows, columns: own.count) }
      arithmetic.sumChunks(group, range: own, of: inputs, rows: rows, into: sums)
    }
  }

  /// Sums over hosts, rounded once.
  ///
  /// - Parameter compute: writes this rank's part of its host's sums, `[rows][own]`.
  func sum(
    outputs: Int, rows: Int, into output: UnsafeMutablePointer<Float>,
    _ compute: (_ own: Range<Int>, _ sums: ChunkSums) -> Void
  ) throws {
    let plan = try sumPlan(rows: rows, outputs: outputs)
    let width = arithmetic.keepsRests ? 2 : 1
    let own = ownShare(outputs: outputs, among: .ranksOfHost)
    precondition(rows * own.count * 8 * width <= exchange.slotBytes, "a part fits where it is put")
    let part = exchange.part.assumingMemoryBound(to: Double.self)
    compute(
      own,
      ChunkSums(part, rests: width == 2 ? part + rows * own.count : nil, stride: own.count))
    try exchange.sum(plan) { rank, part, elements in
      let range = shareOnHost(of: rank, outputs: outputs)
      let values = part.assumingMemoryBound(to: Double.self)
      for row in 0..<rows {
        let place = elements + (row * outputs + range.lowerBound) * width
        let source = values + row * range.count
        guard width == 2 else {
          place.update(from: source, count: range.count)
          continue
        }
        for column in 0..<range.count {
          place[2 * column] = source[column]
          place[2 * column + 1] = source[rows * range.count + column]
        }
      }
    } read: {
      output.update(from: $0, count: rows * outputs)
    }
    bytesSent += rows * own.count * 8 * width
  }

  private func sumPlan(rows: Int, outputs: Int) throws -> HostExchange.SumPlan {
    let shape = Shape(rows: rows, outputs: outputs)
    if let known = sums[shape] { return known }
    let made = try exchange.sumPlan(
      elements: rows * outputs, keepsRests: arithmetic.keepsRests)
    sums[shape] = made
    return made
  }

  // MARK: - Gathering

  /// Brings all sharers' parts to each of them, each to its place.
  ///
  /// - Parameter compute: writes this rank's outputs, `[rows][own]`, to `part`.
  func compute(
    outputs: Int, rows: Int, by sharers: Sharers, into output: UnsafeMutablePointer<Float>,
    _ compute: (_ own: Range<Int>, _ part: UnsafeMutablePointer<Float>) -> Void
  ) throws {
    func place(_ part: UnsafeRawPointer, _ range: Range<Int>) {
      var read = part.assumingMemoryBound(to: Float.self)
      for row in 0..<rows {
        (output + row * outputs + range.lowerBound).update(from: read, count: range.count)
        read += range.count
      }
    }
    let (rank, part) = (exchange.communicator.rank, exchange.part)
    let own: Range<Int>
    switch sharers {
    case .none: return compute(0..<outputs, output)
    case .ranksOfHost:
      own = shareOnHost(of: rank, outputs: outputs)
      precondition(rows * own.count * 4 <= exchange.slotBytes, "a part fits where it is put")
      compute(own, part.assumingMemoryBound(to: Float.self))
      exchange.gatherOnHost { place($1, shareOnHost(of: $0, outputs: outputs)) }
    case .allRanks:
      // Checks that there is room before anything is written.
      let plan = try gatherPlan(rows: rows, outputs: outputs)
      own = share(of: ownNumber, outputs: outputs)
      compute(own, part.assumingMemoryBound(to: Float.self))
      try exchange.gather(plan) { place($1, share(of: numbers[$0], outputs: outputs)) }
    }
    bytesSent += rows * own.count * MemoryLayout<Float>.stride
  }

  private func gatherPlan(rows: Int, outputs: Int) throws -> HostExchange.GatherPlan {
    let shape = Shape(rows: rows, outputs: outputs)
    if let known = gathers[shape] { return known }
    let made = try exchange.gatherPlan(
      bytes: (0..<exchange.communicator.size).map {
        rows * share(of: numbers[$0], outputs: outputs).count * MemoryLayout<Float>.stride
      })
    gathers[shape] = made
    return made
  }
}
