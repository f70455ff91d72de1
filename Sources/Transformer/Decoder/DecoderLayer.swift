import Kernels

/// A decoder layer: x += attention(norm(x)), then x += feedForward(norm(x)).
///
/// What a layer does, and in which order, stands here and nowhere else; how its parts run, for the
/// rows of a context or for those that are appended to it, is a `LayerExecution`.
struct DecoderLayer {
  let index: Int
  let weights: LayerWeights
  let pattern: AttentionPattern
  /// Which of the model's rotations it has; nil for none.
  let rotation: Int?
  let shape: AttentionShape
  let epsilon: Float

  /// All layers of a model.
  static func all(of weights: ModelWeights) -> [DecoderLayer] {
    let configuration = weights.configuration
    let ropes = configuration.ropes
    return zip(configuration.layers, weights.layers).enumerated().map { index, layer in
      DecoderLayer(
        index: index, weights: layer.1, pattern: layer.0.pattern,
        rotation: layer.0.rope.flatMap { ropes.firstIndex(of: $0) },
        shape: configuration.attention.shape, epsilon: Float(configuration.normalization.epsilon))
    }
  }

  /// Runs all rows of a rank through the layer.
  ///
  /// - Returns: whether it is finished; false where it was given up, and the residual stream is as
  ///   it was.
  /// - Throws: what `execution` throws.
  func run(by execution: some LayerExecution) throws -> Bool {
    let isProjected = try execution.forEachRows(in: .projections) { rows in
      try project(rows, by: execution)
    }
    guard isProjected, try execution.attend(layer: index, pattern: pattern) else { return false }
    return try execution.forEachRows(in: .feedForward) { rows in
      guard try addAttention(to: rows, by: execution) else { return false }
      return try addFeedForward(to: rows, by: execution)
    }
  }

  /// Norm, projections, norms of the heads, rotation; queries, keys and values to where attention
  /// reads them.
  private func project(_ rows: StreamRows, by execution: some LayerExecution) throws -> Bool {
    let buffers = execution.buffers
    let attention = weights.attention
    let inputs = normalize(
      rows, weights.attentionNorm, as: execution.arithmetic.inputType(of: attention.projections),
      by: execution)
    guard
      try execution.multiply(
        attention.projections, inputs: inputs, rows: rows.count, into: buffers.projected)
    else { return false }
    let width = attention.projections.outputs
    let table = rotation.map { execution.rotations[$0] }
    let rowsPerItem = 4
    execution.arithmetic.team.forEach((rows.count + rowsPerItem - 1) / rowsPerItem) { item, _ in
      for row in item * rowsPerItem..<min(rows.count, (item + 1) * rowsPerItem) {
        store(
          buffers.projected + row * width, row: rows.first + row, rotatedBy: table, by: execution)
      }
    }
    return true
  }

  /// One row's queries, keys and values, `[queryHeads + 2 · keyValueHeads][headDimension]` float32.
  private func store(
    _ projected: UnsafeMutablePointer<Float>, row: Int, rotatedBy table: RoPETable?,
    by execution: some LayerExecution
  ) {
    let arithmetic = execution.arithmetic
    let d = shape.headDimension
    let queries = projected
    let keys = queries + shape.queryHeads * d
    let values = keys + shape.keyValueHeads * d
    let place = execution.place(ofRow: row, layer: index)
    if !weights.attention.queryNorm.isEmpty {
      arithmetic.normalizeHeads(
        queries, count: shape.queryHeads, headDimension: d, weight: weights.attention.queryNorm,
        epsilon: epsilon)
      arithmetic.normalizeHeads(
        keys, count: shape.keyValueHeads, headDimension: d, weight: weights.attention.keyNorm,
        epsilon: epsilon)
    }
    if let table {
      table.rotate(queries, count: shape.queryHeads, by: row, arithmetic)
      if place.block != nil {
        table.rotate(keys, count: shape.keyValueHeads, by: row, arithmetic)
      }
    }
    arithmetic.store(
      queries: queries, token: row, into: execution.buffers.queries, layout: execution.queryLayout)
    if let block = place.block {
      arithmetic.store(
        keys: keys, values: values, token: place.token, into: block,
        layout: arithmetic.keyValueLayout(shape))
    }
  }

  private func addAttention(
    to rows: StreamRows, by execution: some LayerExecution
  ) throws -> Bool {
    let output = weights.attention.outputProjection
    let (arithmetic, buffers) = (execution.arithmetic, execution.buffers)
    var inputs = MatrixInputs(
      buffers.attended + rows.first * arithmetic.inputRowBytes(columns: output.inputs),
      arithmetic.inputType)
    let type = arithmetic.inputType(of: output)
    if type != inputs.type {
      arithmetic.quantize(
        inputs.rows, count: rows.count, columns: output.inputs, into: buffers.normed)
      inputs = MatrixInputs(buffers.normed, type)
    }
    return try execution.add(output, of: inputs, norm: weights.attentionOutputNorm, to: rows)
  }

  private func addFeedForward(
    to rows: StreamRows, by execution: some LayerExecution
  ) throws -> Bool {
    let feedForward = weights.feedForward
    let inputs = normalize(
      rows, weights.feedForwardNorm, as: feedForward.inputType(in: execution.arithmetic),
      by: execution)
    return try feedForward.add(
      of: inputs, to: rows, norm: weights.feedForwardOutputNorm, by: execution)
  }

  private func normalize(
    _ rows: StreamRows, _ norm: [Float], as type: InputType, by execution: some LayerExecution
  ) -> MatrixInputs {
    let normed = execution.buffers.normed
    execution.arithmetic.rmsNorm(
      rows.stream, rows: rows.count, columns: norm.count, weight: norm, epsilon: epsilon,
      into: normed, as: type)
    return MatrixInputs(normed, type)
  }
}
