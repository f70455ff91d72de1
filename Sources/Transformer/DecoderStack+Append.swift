import Kernels
import MPI
import RingAttention

extension DecoderStack {
  /// Most tokens that are appended at once; a longer prompt goes in pieces of it.
  public static let tokensPerAppend = 64

  /// Runs tokens that follow those in the cache through all layers; every rank computes the same
  /// rows.
  ///
  /// A token's result has the same bits whether it is appended alone or with others.
  ///
  /// - Parameters:
  ///   - tokens: 1 to 64 ids, the same on every rank.
  ///   - logits: takes the last token's logits, `[vocabularySize]`; nil where they are not wanted.
  /// - Throws: `MPIError`.
  public func append(
    tokens: ArraySlice<Int32>, logits: UnsafeMutablePointer<Float>?
  ) throws {
    let count = tokens.count
    precondition(1...Self.tokensPerAppend ~= count, "1 to 64 tokens at once")
    let position = tokenCount
    precondition(
      position + count <= contextTokens + maximumAppended, "no more tokens than announced")
    growPartition(tokens: position + count)
    let buffers = try appendBuffers()
    for (index, rope) in ropes.enumerated() {
      buffers.tables[index].fill(
        rope, positions: position..<position + count, contextTokens: contextTokens)
    }
    for (row, token) in tokens.enumerated() {
      embed(token, into: buffers.residual.pointer + row * configuration.hiddenSize)
    }
    for layer in configuration.layers.indices {
      try appendAttention(layer: layer, count: count, position: position, buffers)
      try appendMLP(layer: layer, count: count, buffers)
    }
    tokenCount += count
    guard let logits else { return }
    try computeLogits(
      of: buffers.residual.pointer + (count - 1) * configuration.hiddenSize, into: logits)
  }

  private func appendAttention(
    layer: Int, count: Int, position: Int, _ buffers: AppendBuffers
  ) throws {
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
    for row in 0..<count {
      let block = (position + row) / tokensPerBlock
      let token = buffers.projected.pointer + row * (queryWidth + 2 * keyWidth)
      storeToken(
        layer: layer, position: position + row, table: table, queries: token,
        keys: token + queryWidth, values: token + queryWidth + keyWidth,
        destination: buffers.queries.pointer, row: row, rowTokens: count,
        cacheIndex: cache.blocks.lastIndex(of: block))
    }
    try measure("attention") {
      appendWork += try buffers.attention.attend(
        layer: layer, mask: masks[layer], queries: buffers.queries.pointer, tokens: count,
        position: position, output: buffers.attended.pointer)
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
  /// One for each of the stack's rotations.
  var tables: [RoPETable]
  /// All `[64 tokens][…]`. Float32: hiddenSize; Q, K and V, or gate and up; hiddenSize.
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
    let capacity = DecoderStack.tokensPerAppend
    let configuration = stack.configuration
    let arithmetic = stack.arithmetic
    let memory = DividedLinearMemory(elements: Self.mostOutputs(configuration))
    func divided(_ matrices: [WeightMatrix]) -> DividedLinear {
      DividedLinear(
        matrices, arithmetic: arithmetic, communicator: stack.communicator, memory: memory)
    }
    func inputs(_ columns: Int) -> AlignedBuffer<UInt8> {
      AlignedBuffer(
        count: capacity * Arithmetic.inputStride(columns: columns) * arithmetic.inputType.bytes)
    }
    attention = try AppendAttention(
      communicator: stack.communicator, arithmetic: arithmetic, cache: stack.cache,
      capacity: capacity)
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
  static func bytes(_ configuration: ModelConfiguration, _ arithmetic: Arithmetic) -> Int {
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
    return DividedLinearMemory.bytes(elements: mostOutputs(configuration))
      + DecoderStack.tokensPerAppend
      * (floats * 4 + inputs * arithmetic.inputType.bytes + states * 8)
  }

  /// Q, K and V of a token, or gate and up.
  private static func widestProjection(_ configuration: ModelConfiguration) -> Int {
    max(
      configuration.queryWidth + 2 * configuration.keyValueWidth,
      2 * configuration.intermediateSize)
  }

  /// Of one layer for as many tokens as are appended at once, or of the head for one.
  private static func mostOutputs(_ configuration: ModelConfiguration) -> Int {
    max(
      DecoderStack.tokensPerAppend
        * max(widestProjection(configuration), configuration.hiddenSize),
      configuration.vocabularySize)
  }
}
