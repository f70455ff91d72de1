import Kernels
import MPI
import RingAttention

/// Tokens that follow those of a branch.
public struct AppendedTokens: Sendable {
  public let branch: Int
  /// One id at least.
  public let tokens: ArraySlice<Int32>
  /// Whether the logits of the last of them are wanted.
  public let wantsLogits: Bool

  public init(branch: Int, tokens: ArraySlice<Int32>, wantsLogits: Bool) {
    self.branch = branch
    self.tokens = tokens
    self.wantsLogits = wantsLogits
  }
}

extension DecoderStack {
  /// Most tokens of a prompt that are appended at once; a longer one goes in pieces of it.
  public static let tokensPerAppend = 64

  /// Most tokens that are appended at once: a piece of a prompt, and one of every other branch.
  static func appendCapacity(branches: Int) -> Int { tokensPerAppend + branches - 1 }

  /// Empties a branch: what is appended to it next follows the context. Every rank calls this;
  /// after the prefill.
  ///
  /// - Throws: `MPIError`.
  public func beginBranch(_ branch: Int) throws {
    appendedTokens[branch] = 0
    branches.begin(branch, tail: try contextTail()?.pointer)
  }

  /// The context's last block, `[layers][blockBytes]`, on every rank; nil where it is full.
  private func contextTail() throws -> AppendBuffers.Tail? {
    guard contextTokens % tokensPerBlock != 0 else { return nil }
    let buffers = try appendBuffers()
    if let tail = buffers.tail { return tail }
    let layers = configuration.layers.count
    let bytes = cache.layout.blockBytes
    let tail = AppendBuffers.Tail(bytes: layers * bytes)
    let owner = partition.owner(of: branches.firstBlock)!
    if owner == communicator.rank {
      let index = cache.blocks.firstIndex(of: branches.firstBlock)!
      for layer in 0..<layers {
        tail.pointer.advanced(by: layer * bytes).copyMemory(
          from: cache.head(0, layer: layer, index: index), byteCount: bytes)
      }
    }
    try communicator.broadcast(
      bytes: UnsafeMutableRawBufferPointer(start: tail.pointer, count: layers * bytes), from: owner)
    buffers.tail = tail
    return tail
  }

  /// Runs tokens that follow those in their branches through all layers; every rank computes the
  /// same rows.
  ///
  /// A token's result has the same bits whatever is appended at once with it.
  ///
  /// - Parameters:
  ///   - pieces: the same on every rank; one a branch at most, in all no more than 64 tokens and one
  ///     for every branch but one.
  ///   - logits: takes `[pieces that want logits][vocabularySize]`.
  /// - Throws: `MPIError`.
  public func append(
    _ pieces: [AppendedTokens], logits: UnsafeMutablePointer<Float>
  ) throws {
    let buffers = try appendBuffers()
    let count = arrange(pieces, buffers)
    for layer in configuration.layers.indices {
      communicator.place.part = ("layer", layer + 1)
      try appendAttention(layer: layer, count: count, buffers)
      try appendMLP(layer: layer, count: count, buffers)
    }
    for piece in pieces { appendedTokens[piece.branch] += piece.tokens.count }
    try computeLogits(ofLastIn: pieces, into: logits, buffers)
  }

  /// Places the tokens one after the other: their positions, rotations and embeddings.
  ///
  /// - Returns: how many there are.
  private func arrange(_ pieces: [AppendedTokens], _ buffers: AppendBuffers) -> Int {
    buffers.rows.removeAll(keepingCapacity: true)
    buffers.places.removeAll(keepingCapacity: true)
    for index in ropes.indices { buffers.tables[index].removeAll() }
    var row = 0
    for piece in pieces {
      let count = piece.tokens.count
      let position = contextTokens + appendedTokens[piece.branch]
      precondition(
        position + count <= contextTokens + maximumAppended, "no more tokens than announced")
      branches.use(piece.branch, upTo: (position + count - 1) / tokensPerBlock)
      buffers.rows.append(
        BranchTokens(branch: piece.branch, range: row..<row + count, position: position))
      for (index, rope) in ropes.enumerated() {
        buffers.tables[index].append(
          rope, positions: position..<position + count, contextTokens: contextTokens)
      }
      for (index, token) in piece.tokens.enumerated() {
        embed(token, into: buffers.residual.pointer + row * configuration.hiddenSize)
        buffers.places.append((branch: piece.branch, position: position + index))
        row += 1
      }
    }
    return row
  }

  /// The logits of each piece's last token, where they are wanted.
  private func computeLogits(
    ofLastIn pieces: [AppendedTokens], into logits: UnsafeMutablePointer<Float>,
    _ buffers: AppendBuffers
  ) throws {
    let hidden = configuration.hiddenSize
    var wanted = 0
    for (piece, tokens) in zip(pieces, buffers.rows) where piece.wantsLogits {
      // What is written lies before what is still to be read.
      (buffers.residual.pointer + wanted * hidden).update(
        from: buffers.residual.pointer + (tokens.range.upperBound - 1) * hidden, count: hidden)
      wanted += 1
    }
    guard wanted > 0 else { return }
    try computeLogits(of: buffers.residual.pointer, rows: wanted, into: logits)
  }

  private func appendAttention(layer: Int, count: Int, _ buffers: AppendBuffers) throws {
    let hidden = configuration.hiddenSize
    let (queryWidth, keyWidth) = (configuration.queryWidth, configuration.keyValueWidth)
    let linear = buffers.layers[layer]
    arithmetic.rmsNorm(
      buffers.residual.pointer, rows: count, columns: hidden,
      weight: weights.layers[layer].attentionNorm, epsilon: Float(configuration.rmsNormEpsilon),
      into: buffers.normed.pointer)
    try linear.projections.multiply(
      buffers.normed.pointer, rows: count, into: buffers.projected.pointer)
    let table = ropeOfLayer[layer].map { buffers.tables[$0] }
    let rowsPerItem = 4
    arithmetic.team.forEach((count + rowsPerItem - 1) / rowsPerItem) { item, _ in
      for row in item * rowsPerItem..<min(count, (item + 1) * rowsPerItem) {
        let (branch, position) = buffers.places[row]
        let block = position / tokensPerBlock
        let token = buffers.projected.pointer + row * (queryWidth + 2 * keyWidth)
        storeToken(
          layer: layer, place: position % tokensPerBlock, table: table, entry: row, queries: token,
          keys: token + queryWidth, values: token + queryWidth + keyWidth,
          destination: buffers.queries.pointer, row: row, rowTokens: count,
          block: branches.owns(branch, block: block)
            ? branches.head(0, layer: layer, branch: branch, block: block) : nil)
      }
    }
    try measure("attention") {
      appendWork += try buffers.attention.attend(
        layer: layer, mask: masks[layer], queries: buffers.queries.pointer, tokens: buffers.rows,
        output: buffers.attended.pointer)
    }
    try linear.output.multiply(buffers.attended.pointer, rows: count, into: buffers.mixed.pointer)
    addMixed(norm: weights.layers[layer].attentionOutputNorm, rows: count, buffers)
  }

  private func appendMLP(layer: Int, count: Int, _ buffers: AppendBuffers) throws {
    let hidden = configuration.hiddenSize
    let intermediate = configuration.intermediateSize
    let linear = buffers.layers[layer]
    arithmetic.rmsNorm(
      buffers.residual.pointer, rows: count, columns: hidden, weight: weights.layers[layer].mlpNorm,
      epsilon: Float(configuration.rmsNormEpsilon), into: buffers.normed.pointer)
    try linear.gateAndUp.multiply(
      buffers.normed.pointer, rows: count, into: buffers.projected.pointer)
    let activatedBytes = Arithmetic.inputStride(columns: intermediate) * arithmetic.inputType.bytes
    for row in 0..<count {
      let gate = buffers.projected.pointer + row * 2 * intermediate
      arithmetic.activate(
        configuration.activation, gate: gate, up: gate + intermediate, rows: 1,
        columns: intermediate, into: buffers.activated.pointer + row * activatedBytes)
    }
    try linear.down.multiply(buffers.activated.pointer, rows: count, into: buffers.mixed.pointer)
    addMixed(norm: weights.layers[layer].mlpOutputNorm, rows: count, buffers)
  }

  /// Adds what a linear layer gave to the residual stream, through a norm where there is one.
  private func addMixed(norm: [Float], rows: Int, _ buffers: AppendBuffers) {
    let hidden = configuration.hiddenSize
    let (mixed, stream) = (buffers.mixed.pointer, buffers.residual.pointer)
    guard configuration.outputNorms else {
      for index in 0..<rows * hidden { stream[index] += mixed[index] }
      return
    }
    arithmetic.addRMSNorm(
      mixed, rows: rows, columns: hidden, weight: norm,
      epsilon: Float(configuration.rmsNormEpsilon), to: stream)
  }

  func appendBuffers() throws -> AppendBuffers {
    if let appending { return appending }
    let buffers = try AppendBuffers(self)
    appending = buffers
    return buffers
  }

  /// FLOPs of all ranks' linear layers for one appended token, the head included.
  public var appendLinearFlops: Double {
    let layer = weights.layers[0]
    let elements = (layer.attention.matrices + layer.mlp.matrices).reduce(0) {
      $0 + $1.outputs * $1.inputs
    }
    return 2
      * Double(
        elements * configuration.layers.count + weights.head.outputs * weights.head.inputs)
  }
}

/// What the appending path needs, made when the first token is appended; a decode step allocates
/// nothing.
final class AppendBuffers {
  struct Layer {
    let projections: DividedLinear
    let output: DividedLinear
    let gateAndUp: DividedLinear
    let down: DividedLinear
  }

  let attention: AppendAttention
  let layers: [Layer]
  let head: DividedLinear
  /// The context's last block where it is partly filled, once a branch has begun.
  final class Tail {
    private let memory: AlignedBuffer<UInt8>
    var pointer: UnsafeMutableRawPointer { UnsafeMutableRawPointer(memory.pointer) }

    init(bytes: Int) { memory = AlignedBuffer(count: bytes) }
  }

  var tail: Tail?
  /// Whose tokens are appended at present, and where each of them is.
  var rows: [BranchTokens] = []
  var places: [(branch: Int, position: Int)] = []
  /// One for each of the stack's rotations.
  var tables: [RoPETable]
  /// All `[capacity][…]`. Float32: hiddenSize; Q, K and V, or gate and up; hiddenSize.
  let residual: AlignedBuffer<Float>
  let projected: AlignedBuffer<Float>
  let mixed: AlignedBuffer<Float>
  /// Matrix inputs: hiddenSize, queryWidth (per KV head), queryWidth, intermediateSize.
  let normed: AlignedBuffer<UInt8>
  let queries: AlignedBuffer<UInt8>
  let attended: AlignedBuffer<UInt8>
  let activated: AlignedBuffer<UInt8>

  var linearBytesSent: Int {
    layers.reduce(head.bytesSent) {
      $0 + $1.projections.bytesSent + $1.output.bytesSent + $1.gateAndUp.bytesSent
        + $1.down.bytesSent
    }
  }

  init(_ stack: DecoderStack) throws {
    let branches = stack.branches.branches
    let capacity = DecoderStack.appendCapacity(branches: branches)
    let configuration = stack.configuration
    let arithmetic = stack.arithmetic
    let memory = DividedLinearMemory(
      elements: Self.mostOutputs(configuration, branches: branches))
    func divided(_ matrices: [WeightMatrix]) -> DividedLinear {
      DividedLinear(
        matrices, arithmetic: arithmetic, communicator: stack.communicator, memory: memory)
    }
    func inputs(_ columns: Int) -> AlignedBuffer<UInt8> {
      AlignedBuffer(
        count: capacity * Arithmetic.inputStride(columns: columns) * arithmetic.inputType.bytes)
    }
    attention = try AppendAttention(
      communicator: stack.communicator, arithmetic: arithmetic, context: stack.cache,
      branches: stack.branches, capacity: capacity)
    layers = stack.weights.layers.map {
      Layer(
        projections: divided([$0.attention.query, $0.attention.key, $0.attention.value]),
        output: divided([$0.attention.output]), gateAndUp: divided([$0.mlp.gate, $0.mlp.up]),
        down: divided([$0.mlp.down]))
    }
    head = divided([stack.weights.head])
    tables = stack.ropes.map { RoPETable($0, capacity: capacity) }
    residual = AlignedBuffer(count: capacity * configuration.hiddenSize)
    projected = AlignedBuffer(count: capacity * Self.widestProjection(configuration))
    mixed = AlignedBuffer(count: capacity * configuration.hiddenSize)
    normed = inputs(configuration.hiddenSize)
    queries = inputs(stack.shape.queryHeads * stack.shape.paddedHeadDimension)
    attended = inputs(configuration.queryWidth)
    activated = inputs(configuration.intermediateSize)
  }

  /// What is made here, in bytes.
  static func bytes(
    _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, branches: Int
  ) -> Int {
    let floats =
      2 * configuration.hiddenSize + widestProjection(configuration)
      + configuration.headDimension * configuration.ropes.count
    let inputs = [
      configuration.hiddenSize, configuration.queryWidth,
      configuration.queryHeads * AttentionShape(configuration).paddedHeadDimension,
      configuration.intermediateSize,
    ].reduce(0) { $0 + Arithmetic.inputStride(columns: $1) }
    let states =
      arithmetic.team.threads * configuration.queryHeads
      * arithmetic.stateLayout(headDimension: configuration.headDimension).rowElements
    return DividedLinearMemory.bytes(
      elements: mostOutputs(configuration, branches: branches))
      + DecoderStack.appendCapacity(branches: branches)
      * (floats * 4 + inputs * arithmetic.inputType.bytes + states * 8)
  }

  /// Q, K and V of a token, or gate and up.
  private static func widestProjection(_ configuration: ModelConfiguration) -> Int {
    max(
      configuration.queryWidth + 2 * configuration.keyValueWidth,
      2 * configuration.intermediateSize)
  }

  /// Of one layer for as many tokens as are appended at once, or of the head for one of each branch.
  private static func mostOutputs(_ configuration: ModelConfiguration, branches: Int) -> Int {
    max(
      DecoderStack.appendCapacity(branches: branches)
        * max(widestProjection(configuration), configuration.hiddenSize),
      branches * configuration.vocabularySize)
  }
}
