import Kernels
import MPI
import RingAttention

/// How a layer runs for appended tokens: the same few rows on every rank, linear layers divided by
/// output rows, attention by the blocks that each rank owns. Nothing gives a layer up.
final class AppendExecution: LayerExecution {
  let arithmetic: Arithmetic
  let buffers: LayerBuffers
  private(set) var rotations: [RoPETable]
  /// Whose outputs all ranks need, and whose only those do that compute; nil on the others.
  let linear: DividedLinear
  private let innerLinear: DividedLinear?
  /// Whose rows there are at present.
  private(set) var tokens: [BranchTokens] = []
  private(set) var work = AttentionWork()

  private let context: DecoderContext
  private let attention: AppendAttention
  /// Of the layer that is under way.
  private var part = LayerPart.projections
  /// `[rows][hiddenSize]` float32.
  private var stream: UnsafeMutablePointer<Float>?
  /// `[rows]`: where the keys and values of each of them go; nil where they are already.
  private var places: [(branch: Int, position: Int)?] = []

  init(
    _ context: DecoderContext, buffers: LayerBuffers,
    linear: (ofAll: DividedLinear, inner: DividedLinear?), rotations: [RoPETable],
    attention: AppendAttention
  ) {
    self.context = context
    self.buffers = buffers
    self.linear = linear.ofAll
    innerLinear = linear.inner
    self.rotations = rotations
    self.attention = attention
    arithmetic = context.arithmetic
  }

  // MARK: - The rows at hand

  var rowCount: Int { places.count }
  var attendingRows: Range<Int> { 0..<rowCount }
  var computes: Bool { innerLinear != nil }
  /// Bytes of shares of linear layers that this rank has sent.
  var linearBytesSent: Int {
    linear.bytesSent + (innerLinear.map { $0 === linear ? 0 : $0.bytesSent } ?? 0)
  }

  /// Begins with other rows.
  func removeAllRows(stream: UnsafeMutablePointer<Float>) {
    self.stream = stream
    tokens.removeAll(keepingCapacity: true)
    places.removeAll(keepingCapacity: true)
    for index in rotations.indices { rotations[index].removeAll() }
  }

  /// Adds the rows of neighbouring tokens of a branch.
  ///
  /// - Parameter storing: whether their keys and values are new.
  func addRows(branch: Int, positions: Range<Int>, storing: Bool = true) {
    tokens.append(
      BranchTokens(
        branch: branch, range: rowCount..<rowCount + positions.count,
        position: positions.lowerBound))
    for index in rotations.indices {
      rotations[index].append(positions: positions, contextTokens: context.rotationTokens)
    }
    for position in positions {
      places.append(storing ? (branch: branch, position: position) : nil)
    }
  }

  // MARK: - How the parts of a layer run

  func forEachRows(
    in part: LayerPart, atOnce: Int, _ body: (_ rows: StreamRows) throws -> Bool
  ) throws -> Bool {
    guard part != .keysAndValues else { return true }  // every row attends
    self.part = part
    return try body(StreamRows(first: 0, count: rowCount, stream: stream!))
  }

  func multiply(
    _ group: LinearGroup, inputs: MatrixInputs, rows: Int,
    into outputs: UnsafeMutablePointer<Float>
  ) throws -> Bool {
    // Every rank attends, so every rank needs queries, keys and values.
    try (part == .projections ? linear : innerLinear!).multiply(
      group, inputs: inputs, rows: rows, into: outputs)
    return true
  }

  func add(
    _ group: LinearGroup, of inputs: MatrixInputs, norm: [Float], to rows: StreamRows
  ) throws -> Bool {
    let chunks = InputChunks(of: group.inputs)
    return try add(
      group, of: ChunkInputs(inputs, chunks: chunks.all, of: chunks), isDivided: false, norm: norm,
      to: rows)
  }

  func addAttended(
    by output: LinearGroup, norm: [Float], to rows: StreamRows
  ) throws -> Bool {
    let chunks = InputChunks(of: output.inputs)
    let divided = attendedChunks(of: output)
    let own = divided?.own ?? chunks.all
    let columns = chunks.inputs(of: own)
    let rowBytes = arithmetic.inputRowBytes(columns: output.inputs)
    let attended = buffers.attended + columns.lowerBound * arithmetic.inputType.bytes
    let type = arithmetic.inputType(of: output)
    var inputs = ChunkInputs(
      MatrixInputs(attended, arithmetic.inputType), chunks: own, of: chunks, rowBytes: rowBytes)
    if type != arithmetic.inputType {
      arithmetic.quantize(
        attended, count: rows.count, columns: columns.count, rowBytes: rowBytes,
        into: buffers.normed)
      inputs = ChunkInputs(MatrixInputs(buffers.normed, type), chunks: own, of: chunks)
    }
    return try add(output, of: inputs, isDivided: divided != nil, norm: norm, to: rows)
  }

  /// Which chunks of what is attended each host multiplies; the same on every rank.
  private func attendedChunks(of output: LinearGroup) -> HostChunks? {
    linear.chunks(
      of: InputChunks(of: output.inputs),
      layers: ChainedLayers(
        last: (output.bytes, output.outputs), rows: rowCount, stateElements: output.inputs))
  }

  func add(
    _ feedForward: DenseFeedForward, of inputs: MatrixInputs, norm: [Float], to rows: StreamRows
  ) throws -> Bool {
    let (gateAndUp, output, linear) = (feedForward.gateAndUp, feedForward.output, innerLinear!)
    let chunks = InputChunks(of: output.inputs)
    let divided = linear.chunks(
      of: chunks,
      layers: ChainedLayers(
        (gateAndUp.bytes, gateAndUp.outputs), last: (output.bytes, output.outputs),
        rows: rows.count))
    // Of the first layers, a host needs what it multiplies afterwards.
    let own = divided?.own ?? chunks.all
    let columns = chunks.inputs(of: own)
    if divided == nil {
      try linear.multiply(
        gateAndUp, inputs: inputs, rows: rows.count, into: buffers.projected)
    } else {
      try linear.multiplyOnHost(
        gateAndUp, outputsOfEach: columns, inputs: inputs, rows: rows.count,
        into: buffers.projected)
    }
    let type = arithmetic.inputType(of: output)
    arithmetic.activate(
      feedForward.activation, gateAndUp: buffers.projected, rows: rows.count,
      columns: columns.count, into: buffers.activated, as: type)
    return try add(
      output, of: ChunkInputs(MatrixInputs(buffers.activated, type), chunks: own, of: chunks),
      isDivided: divided != nil, norm: norm, to: rows)
  }

  private func add(
    _ group: LinearGroup, of inputs: ChunkInputs, isDivided: Bool, norm: [Float],
    to rows: StreamRows
  ) throws -> Bool {
    let (columns, contribution, stream) = (group.outputs, buffers.contribution, rows.stream)
    try innerLinear!.multiplyChunks(
      group, inputs: inputs, isDivided: isDivided, rows: rows.count, into: contribution)
    guard !norm.isEmpty else {
      for index in 0..<rows.count * columns { stream[index] += contribution[index] }
      return true
    }
    arithmetic.addRMSNorm(
      contribution, rows: rows.count, columns: columns, weight: norm,
      epsilon: Float(context.configuration.normalization.epsilon), to: stream)
    return true
  }

  func add(
    _ mixture: MixtureOfExperts, of inputs: MatrixInputs, tokens: Int,
    to stream: UnsafeMutablePointer<Float>
  ) throws -> Bool {
    let (experts, linear, routed) = (buffers.experts!, innerLinear!, mixture.routed)
    let (count, perToken) = (mixture.configuration.experts, mixture.configuration.expertsPerToken)
    let (columns, hidden) = (routed.gateAndUp[0].inputs, routed.output[0].outputs)
    let load = experts.load(of: routed, experts: count)
    let commonLoad = mixture.common.map { $0.load(rows: tokens) }
    let division = linear.division(load, common: commonLoad, tokens: tokens, outputs: hidden)
    let sums = experts.sums(
      tokens: tokens, columns: division.own.count, keepsRests: arithmetic.keepsRests)
    sums.ofTokens.clear(rows: tokens, columns: division.own.count)
    try division.forEachChosen(load) { chosen, chunks in
      let rows = experts.rows(of: chosen, experts: count, expertsPerToken: perToken)
      arithmetic.gather(inputs, columns: columns, rows: rows, into: experts.gathered)
      try addChunks(
        chunks, of: routed, rows, MatrixInputs(experts.gathered, inputs.type), division, to: sums)
    }
    if let common = mixture.common, let commonLoad {
      try addChunks(
        division.chunksOfCommon(commonLoad), of: common, experts.rows(ofAll: tokens), inputs,
        division, to: sums)
    }
    let contribution = buffers.contribution
    try linear.combine(sums.ofTokens, division, into: contribution)
    for index in 0..<tokens * hidden { stream[index] += contribution[index] }
    return true
  }

  /// Adds what rows' experts give of some chunks to the sums of their tokens.
  ///
  /// - Parameter inputs: `[rows.count]`
  private func addChunks(
    _ chunks: Range<Int>, of layers: ExpertLayers, _ rows: ExpertRows, _ inputs: MatrixInputs,
    _ division: ExpertDivision, to sums: (ofTokens: ChunkSums, ofRows: ChunkSums)
  ) throws {
    guard !chunks.isEmpty else { return }
    let output = layers.output
    let all = InputChunks(of: output[0].inputs)
    let columns = all.inputs(of: chunks)
    try innerLinear!.multiply(
      layers.gateAndUp, rows: rows, outputsOfEach: columns, inputs: inputs, division,
      into: buffers.projected)
    let type = layers.outputType(in: arithmetic)
    arithmetic.activate(
      layers.activation, gateAndUp: buffers.projected, rows: rows.count, columns: columns.count,
      into: buffers.activated, as: type)
    arithmetic.addChunks(
      output, rows: rows, range: division.own,
      of: ChunkInputs(MatrixInputs(buffers.activated, type), chunks: chunks, of: all),
      scratch: sums.ofRows, to: sums.ofTokens)
  }

  func noteLoad(of firstSlots: UnsafePointer<Int32>, experts: Int) {}

  func withSpan<Result>(_ name: StaticString, _ body: () throws -> Result) rethrows -> Result {
    try context.withSpan(name, body)
  }

  func place(ofRow row: Int, layer: Int) -> KeyValuePlace {
    guard let (branch, position) = places[row] else { return KeyValuePlace(block: nil, token: 0) }
    let block = position / tokensPerBlock
    let branches = context.branches
    return KeyValuePlace(
      block: branches.owns(branch, block: block)
        ? branches.head(0, layer: layer, branch: branch, block: block) : nil,
      token: position % tokensPerBlock)
  }

  func attend(_ layer: LayerAttention) throws -> Bool {
    try context.withSpan("attention") {
      work += try attention.attend(
        layer, queries: buffers.queries, tokens: tokens,
        wanted: attendedChunks(
          of: context.layers[layer.index].weights.attention.outputProjection),
        output: computes ? buffers.attended : nil)
    }
    return true
  }
}
