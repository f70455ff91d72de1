import Kernels

// Experts of the appending path. What a token gets of its experts, of the one that all tokens go to, too,
// is one sum over the chunks of all of their inputs, each times the expert's weight, rounded once. So
// hosts may divide it as they may a sum over the chunks of one layer; the units are chunks of experts, of
// which a host has neighbouring ones: whole experts, as far as there are enough for all hosts.

/// Experts of one shape that rows go to, as far as their division depends on them.
public struct ExpertLoad: Sendable {
  /// How many experts have rows, and how many rows there are.
  public let experts: Int
  public let rows: Int
  /// Of an expert's first layers, all together, and inputs of its last one.
  public let firstOutputs: Int
  public let lastInputs: Int
  /// Of the weights of these experts.
  public let firstBytes: Int
  public let lastBytes: Int

  public init(
    experts: Int, rows: Int, of layers: (first: LinearGroup, last: LinearGroup),
    firstBytes: Int, lastBytes: Int
  ) {
    self.experts = experts
    self.rows = rows
    firstOutputs = layers.first.outputs
    lastInputs = layers.last.inputs
    self.firstBytes = firstBytes
    self.lastBytes = lastBytes
  }
}

/// How the experts of some tokens are divided.
public struct ExpertDivision: Sendable {
  /// Of those that tokens chose, and of the one that all go to: what each host multiplies; nil where hosts
  /// divide nothing, or rows.
  let chosen: HostChunks?
  let common: HostChunks?
  let sharers: DividedLinear.Sharers
  public let tokens: Int
  public let outputs: Int
  /// Those that this rank sums.
  public let own: Range<Int>
}

extension DividedLinear {
  /// - Parameters:
  ///   - chosen: by tokens.
  ///   - common: the one that all go to; nil for none.
  ///   - outputs: of an expert.
  public func division(
    _ chosen: ExpertLoad, common: ExpertLoad?, tokens: Int, outputs: Int
  ) -> ExpertDivision {
    func first(_ load: ExpertLoad) -> ChainedLayers.Layer {
      (load.firstBytes, load.rows * load.firstOutputs / tokens)
    }
    let lastBytes = chosen.lastBytes + (common?.lastBytes ?? 0)
    let units = SumUnits(
      InputChunks(of: chosen.lastInputs), layers: chosen.experts,
      common: common.map { InputChunks(of: $0.lastInputs) })
    let isByColumns = isDividedByColumns(
      units,
      ChainedLayers(
        first(chosen), common: common.map(first), last: (lastBytes, outputs), rows: tokens))
    let (hosts, host) = (exchange.hostCount, exchange.host)
    let sharers =
      isByColumns ? .ranksOfHost : sharers(bytes: lastBytes, outputs: outputs, rows: tokens)
    return ExpertDivision(
      chosen: isByColumns ? units.shares(hosts: hosts, own: host) : nil,
      common: isByColumns ? units.sharesOfCommon(hosts: hosts, own: host) : nil,
      sharers: sharers, tokens: tokens, outputs: outputs,
      own: ownShare(outputs: outputs, among: sharers))
  }

  /// `output[row] = ` outputs of the row's expert, one layer after the other, on every rank that needs
  /// them.
  ///
  /// - Parameters:
  ///   - experts: the first layers of each, of equal shapes.
  ///   - range: of each layer's outputs, if hosts divide these experts by columns.
  ///   - inputs: `[rows.count]` of the experts' type, the same on every rank.
  ///   - output: `[rows.count][layers of an expert · range.count]` float32.
  /// - Throws: `MPIError`.
  public func multiply(
    _ experts: [LinearGroup], rows: ExpertRows, outputsOfEach range: Range<Int>,
    inputs: MatrixInputs, _ division: ExpertDivision, into output: UnsafeMutablePointer<Float>
  ) throws {
    let all = experts[0].outputs
    let outputs = experts[0].matrices.count * range.count
    let bytes = rows.bytes(of: experts) / max(1, all) * outputs
    let sharers =
      division.chosen == nil
      ? sharers(bytes: bytes, outputs: outputs, rows: rows.count) : sharersOnHost(bytes: bytes)
    try compute(outputs: outputs, rows: rows.count, by: sharers, into: output) { own, part in
      arithmetic.multiplyRows(
        experts, rows: rows, range: own, outputsOfEach: range, inputs: inputs, outputs: part)
    }
  }

  /// Brings together what experts give to tokens.
  ///
  /// - Parameters:
  ///   - sums: `[tokens][own]`, of what this host multiplies.
  ///   - output: `[tokens][outputs]` float32, the same on every rank afterwards.
  /// - Throws: `MPIError`.
  public func combine(
    _ sums: ChunkSums, _ division: ExpertDivision, into output: UnsafeMutablePointer<Float>
  ) throws {
    let (tokens, outputs) = (division.tokens, division.outputs)
    guard division.chosen == nil else {
      return try sum(outputs: outputs, rows: tokens, into: output) { own, part in
        sums.copy(rows: tokens, columns: own.count, to: part)
      }
    }
    try compute(outputs: outputs, rows: tokens, by: division.sharers, into: output) { own, part in
      sums.round(rows: tokens, columns: own.count, to: part)
    }
  }
}

extension ExpertDivision {
  /// Calls `body` with what this host multiplies of the experts that tokens chose.
  ///
  /// - Parameter body: is given the numbers of neighbouring ones among them, and chunks of each.
  public func forEachChosen(
    _ load: ExpertLoad, _ body: (_ experts: Range<Int>, _ chunks: Range<Int>) throws -> Void
  ) rethrows {
    guard let chosen else {
      return try body(0..<load.experts, InputChunks(of: load.lastInputs).all)
    }
    try chosen.forEachOwn(body)
  }

  /// This host's chunks of the one that all tokens go to.
  public func chunksOfCommon(_ load: ExpertLoad) -> Range<Int> {
    guard chosen != nil else { return InputChunks(of: load.lastInputs).all }
    return common!.own
  }
}
