import Kernels
import RingAttention

/// A decoder layer: x += attention(norm(x)), then x += feedForward(norm(x)), then x *= outputScale.
///
/// What a layer does, and in which order, stands here and nowhere else; how its parts run, for the
/// rows of a context or for those that are appended to it, is a `LayerExecution`.
struct DecoderLayer {
  let weights: LayerWeights
  let configuration: LayerConfiguration
  let attention: LayerAttention
  /// Which of the model's rotations it has; nil for none.
  let rotation: Int?
  let epsilon: Float
  /// Rows that go through the feed-forward together.
  let feedForwardRows: Int
  /// `[headDimension]` ones, the RMSNorm of each head's value; empty where there is none.
  let valueNorm: [Float]

  var index: Int { attention.index }
  var pattern: AttentionPattern { attention.pattern }
  var shape: AttentionShape { configuration.attention.shape }

  /// All layers of a model.
  static func all(of weights: ModelWeights, _ arithmetic: Arithmetic) -> [DecoderLayer] {
    let model = weights.configuration
    let (rotations, epsilon) = (model.rotations, Float(model.normalization.epsilon))
    return zip(model.layers, weights.layers).enumerated().map { index, layer in
      let (configuration, weights) = layer
      return DecoderLayer(
        weights: weights, configuration: configuration,
        attention: LayerAttention(
          index: index, pattern: configuration.pattern,
          sinks: AttentionSinks(weights.attention.sinks)),
        rotation: configuration.rotation.flatMap { rotations.firstIndex(of: $0) },
        epsilon: epsilon,
        feedForwardRows: configuration.feedForward.tokensAtOnce(model, arithmetic),
        valueNorm: configuration.attention.hasValueNorms
          ? [Float](repeating: 1, count: configuration.attention.headDimension) : [])
    }
  }

  /// Runs all rows of a rank through the layer.
  ///
  /// - Returns: whether it is finished; false where it was given up, and the residual stream is as
  ///   it was.
  /// - Throws: what `execution` throws.
  func run(by execution: some LayerExecution) throws -> Bool {
    for part in [LayerPart.keysAndValues, .projections] {
      let isProjected = try execution.forEachRows(
        in: part, atOnce: PrefillPass.tokensPerChunk
      ) { rows in
        try project(rows, attending: part == .projections, by: execution)
      }
      guard isProjected else { return false }
    }
    guard try execution.attend(attention) else { return false }
    guard execution.computes else { return true }
    return try execution.forEachRows(in: .feedForward, atOnce: feedForwardRows) { rows in
      let atOnce = execution.buffers.rowsAtOnce
      for first in stride(from: 0, to: rows.count, by: atOnce) {
        let part = rows.part(
          first..<min(first + atOnce, rows.count), columns: weights.feedForwardNorm.count)
        guard
          try execution.addAttended(
            by: weights.attention.outputProjection, norm: weights.attentionOutputNorm, to: part)
        else { return false }
      }
      guard try addFeedForward(to: rows, by: execution) else { return false }
      scaleOutput(rows, execution.arithmetic)
      return true
    }
  }

  /// Norm, projections, norms of the heads, rotation; keys and values, and queries of rows that attend,
  /// to where attention reads them.
  private func project(
    _ rows: StreamRows, attending: Bool, by execution: some LayerExecution
  ) throws -> Bool {
    let buffers = execution.buffers
    let attention = weights.attention
    let projections = attending ? attention.projections : attention.keysAndValues
    // A row's keys and values are the same whether it attends or not, so its input's type is, too.
    let inputs = execution.normalize(
      rows, weights.attentionNorm, epsilon: epsilon,
      as: execution.arithmetic.inputType(of: attention.projections))
    guard
      try execution.multiply(
        projections, inputs: inputs, rows: rows.count, into: buffers.projected)
    else { return false }
    let table = rotation.map { execution.rotations[$0] }
    let rowsPerItem = 4
    execution.arithmetic.team.forEach(
      (rows.count + rowsPerItem - 1) / rowsPerItem
    ) { item, thread in
      for row in item * rowsPerItem..<min(rows.count, (item + 1) * rowsPerItem) {
        let heads = ProjectedHeads(
          buffers.projected + row * projections.outputs, configuration.attention,
          attends: attending,
          copied: buffers.values + thread * configuration.attention.keyValueWidth)
        store(heads, row: rows.first + row, rotatedBy: table, by: execution)
      }
    }
    return true
  }

  /// What one row has of queries, keys and values.
  private func store(
    _ heads: ProjectedHeads, row: Int, rotatedBy table: RoPETable?,
    by execution: some LayerExecution
  ) {
    let (arithmetic, shape) = (execution.arithmetic, shape)
    if let queries = heads.queries {
      let attending = execution.attendingRows
      normalize(queries, weights.attention.queryNorm, of: shape.queryHeads, arithmetic)
      heads.clip(queries, of: shape.queryHeads)
      table?.rotate(queries, count: shape.queryHeads, by: row, arithmetic)
      arithmetic.store(
        queries: queries, token: row - attending.lowerBound, into: execution.buffers.queries,
        layout: arithmetic.queryLayout(shape, tokens: attending.count))
    }

    let place = execution.place(ofRow: row, layer: index)
    guard let block = place.block else { return }
    heads.copyValues()
    normalize(heads.keys, weights.attention.keyNorm, of: shape.keyValueHeads, arithmetic)
    normalize(heads.values, valueNorm, of: shape.keyValueHeads, arithmetic)
    heads.clip(heads.keys, of: shape.keyValueHeads)
    heads.clip(heads.values, of: shape.keyValueHeads)
    table?.rotate(heads.keys, count: shape.keyValueHeads, by: row, arithmetic)
    arithmetic.store(
      keys: heads.keys, values: heads.values, token: place.token, into: block,
      layout: arithmetic.keyValueLayout(shape))
  }

  /// RMSNorm of heads in place: of each by itself, or of all together, as there are factors.
  private func normalize(
    _ heads: UnsafeMutablePointer<Float>, _ factors: [Float], of count: Int,
    _ arithmetic: Arithmetic
  ) {
    guard !factors.isEmpty else { return }
    arithmetic.normalizeHeads(
      heads, count: count * shape.headDimension / factors.count, headDimension: factors.count,
      weight: factors, epsilon: epsilon)
  }

  private func addFeedForward(
    to rows: StreamRows, by execution: some LayerExecution
  ) throws -> Bool {
    try weights.feedForward.add(
      of: rows,
      norms: FeedForwardNorms(
        input: weights.feedForwardNorm, output: weights.feedForwardOutputNorm, epsilon: epsilon),
      to: rows.stream, by: execution)
  }

  /// In place, so it must be the last thing that is done to these rows.
  private func scaleOutput(_ rows: StreamRows, _ arithmetic: Arithmetic) {
    let (scale, columns) = (weights.outputScale, weights.attentionNorm.count)
    guard scale != 1 else { return }
    let rowsPerItem = 16
    arithmetic.team.forEach((rows.count + rowsPerItem - 1) / rowsPerItem) { item, _ in
      let first = item * rowsPerItem * columns
      for index in first..<min(first + rowsPerItem * columns, rows.count * columns) {
        rows.stream[index] *= scale
      }
    }
  }
}

extension FeedForwardConfiguration {
  /// Tokens of a context that go through it together.
  func tokensAtOnce(_ configuration: ModelConfiguration, _ arithmetic: Arithmetic) -> Int {
    mixture?.tokensAtOnce(
      dense: PrefillPass.tokensPerChunk,
      bytesPerToken: ExpertBuffers.bytesPerToken(configuration, arithmetic))
      ?? PrefillPass.tokensPerChunk
  }
}
