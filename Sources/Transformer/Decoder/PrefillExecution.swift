import Kernels
import MPI
import RingAttention

/// How a layer runs for a context: the rank's own tokens, in chunks of matrix-matrix products, and
/// attention round the ring; it may be interrupted at any moment.
final class PrefillExecution: LayerExecution {
  /// The memory that it takes.
  struct Plan: Sendable {
    fileprivate let ropes: [RoPE]
    fileprivate let attention: PrefillAttention.Plan
    fileprivate let layer: LayerBuffers.Plan
    fileprivate let rotations: [RoPETable.Plan]
    fileprivate let buffers: BufferPlan

    init(
      _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, ropes: [RoPE],
      share: SequenceShare, attention: PrefillAttention.Plan
    ) {
      self.ropes = ropes
      self.attention = attention
      let tokens = share.tokenCount
      var plan = BufferPlan()
      layer = LayerBuffers.Plan(
        configuration, arithmetic, rows: tokens,
        rowsAtOnce: min(tokens, PrefillPass.tokensPerChunk),
        expertTokens: min(
          tokens,
          configuration.layers.map { $0.feedForward.tokensAtOnce(configuration, arithmetic) }.max()!
        ),
        addsInPlace: true, in: &plan)
      rotations = ropes.map { RoPETable.Plan($0, capacity: tokens, in: &plan) }
      buffers = plan
    }

    var bytes: Int { buffers.bytes + attention.bytes }
  }

  let arithmetic: Arithmetic
  let buffers: LayerBuffers
  let rotations: [RoPETable]
  let attention: PrefillAttention
  /// Told which part of the attention of the layer under way is done: 0…1.
  var onProgress: ((Double) -> Void)?

  private let context: DecoderContext
  private let stop: PrefillStop
  /// The one under way.
  private var layer = 0
  private let memory: Buffers
  /// The residual stream before the last layer that changed it; nil where nothing interrupts.
  private let previous: ResidualStream?

  init(_ context: DecoderContext, stop: PrefillStop, isInterruptible: Bool) {
    let plan = context.plan.prefill
    self.context = context
    self.stop = stop
    arithmetic = context.arithmetic
    attention = PrefillAttention(
      plan.attention, communicator: context.communicator, arithmetic: arithmetic,
      cache: context.cache)
    memory = Buffers(plan.buffers)
    buffers = LayerBuffers(plan.layer, in: memory)
    previous = isInterruptible ? ResidualStream(context.plan.stream) : nil
    let share = context.share
    rotations = zip(plan.ropes, plan.rotations).map { [memory] rope, plan in
      var table = RoPETable(rope, plan, in: memory)
      for index in share.blocks.indices {
        let first = share.blocks[index] * tokensPerBlock
        table.append(
          positions: first..<first + share.tokenCount(ofBlock: index),
          contextTokens: context.contextTokens)
      }
      return table
    }
  }

  var rowCount: Int { context.share.tokenCount }
  var computes: Bool { true }

  func forEachRows(
    in part: LayerPart, atOnce: Int, _ body: (_ rows: StreamRows) throws -> Bool
  ) throws -> Bool {
    let began = ContinuousClock.now
    defer { context.prefillCost.linearSeconds += (ContinuousClock.now - began).seconds }
    return try context.withSpan(part.spanName) {
      let tokens = context.share.tokenCount
      for first in stride(from: 0, to: tokens, by: atOnce) {
        let count = min(atOnce, tokens - first)
        if part == .feedForward { keepStream(first: first, count: count) }
        let rows = StreamRows(first: first, count: count, stream: context.stream.row(first))
        guard try body(rows) else {
          if part == .feedForward { restoreStream(tokens: first + count) }
          return false
        }
      }
      return true
    }
  }

  func multiply(
    _ group: LinearGroup, inputs: MatrixInputs, rows: Int,
    into outputs: UnsafeMutablePointer<Float>
  ) throws -> Bool {
    var column = 0
    for matrix in group.matrices {
      arithmetic.multiply(
        matrix, inputs: inputs, tokens: rows, outputs: outputs + column,
        outputStride: group.outputs)
      guard goesOn() else { return false }
      column += matrix.outputs
    }
    return true
  }

  func add(
    _ group: LinearGroup, of inputs: MatrixInputs, norm: [Float], to rows: StreamRows
  ) throws -> Bool {
    let hidden = group.outputs
    for matrix in group.matrices {
      arithmetic.multiply(
        matrix, inputs: inputs, tokens: rows.count,
        outputs: norm.isEmpty ? rows.stream : buffers.contribution, outputStride: hidden,
        accumulate: norm.isEmpty)
    }
    if !norm.isEmpty {
      arithmetic.addRMSNorm(
        buffers.contribution, rows: rows.count, columns: hidden, weight: norm,
        epsilon: Float(context.configuration.normalization.epsilon), to: rows.stream)
    }
    return goesOn()
  }

  func multiply(
    _ experts: [LinearGroup], rows: ExpertRows, inputs: MatrixInputs,
    into outputs: UnsafeMutablePointer<Float>
  ) throws -> Bool {
    arithmetic.multiply(experts, rows: rows, inputs: inputs, outputs: outputs)
    return goesOn()
  }

  func add(
    _ experts: [LinearGroup], rows: ExpertRows, inputs: MatrixInputs,
    to stream: UnsafeMutablePointer<Float>
  ) throws -> Bool {
    let outputs = buffers.experts!.outputs
    arithmetic.multiply(experts, rows: rows, inputs: inputs, outputs: outputs)
    arithmetic.add(outputs, rows: rows, columns: experts[0].outputs, to: stream)
    return goesOn()
  }

  func noteLoad(of firstSlots: UnsafePointer<Int32>, experts: Int) {
    let missing = layer + 1 - context.prefillCost.expertTokens.count
    if missing > 0 {
      context.prefillCost.expertTokens += [[Int]](repeating: [], count: missing)
    }
    if context.prefillCost.expertTokens[layer].isEmpty {
      context.prefillCost.expertTokens[layer] = [Int](repeating: 0, count: experts)
    }
    for expert in 0..<experts {
      context.prefillCost.expertTokens[layer][expert] +=
        Int(firstSlots[expert + 1] - firstSlots[expert])
    }
  }

  func withSpan<Result>(_ name: StaticString, _ body: () throws -> Result) rethrows -> Result {
    try context.withSpan(name, body)
  }

  func place(ofRow row: Int, layer: Int) -> KeyValuePlace {
    KeyValuePlace(
      block: context.cache.head(0, layer: layer, index: row / tokensPerBlock),
      token: row % tokensPerBlock)
  }

  func attend(_ layer: LayerAttention) throws -> Bool {
    let began = ContinuousClock.now
    self.layer = layer.index
    let work = try attention.attend(
      layer, queries: buffers.queries, output: buffers.attended, stop: stop,
      onSpan: context.onSpan, onProgress: onProgress)
    guard let work else { return false }
    context.prefillCost.attention += work
    context.prefillCost.attentionSeconds += (ContinuousClock.now - began).seconds
    // From here on there is no way back behind the layer before.
    _ = try stop.awaitVerdict()
    guard !stop.abandonsLayer else { return false }
    stop.reachableLayers = layer.index...layer.index
    return true
  }

  /// What MPI's thread does between matrix products; says whether to go on with the layer.
  private func goesOn() -> Bool {
    context.communicator.tick()
    stop.poll()
    return !stop.abandonsLayer
  }

  // MARK: - The way back

  /// The numbers of finished layers to which the stream can be brought, once `layers` are finished.
  func reachableLayers(finished layers: Int) -> ClosedRange<Int> {
    previous == nil ? layers...layers : layers - 1...layers
  }

  private func keepStream(first: Int, count: Int) {
    previous?.copyRows(first: first, count: count, from: context.stream, arithmetic.team)
  }

  /// Makes the first tokens' rows what they were before the last layer that changed them.
  func restoreStream(tokens: Int) {
    guard let previous else { return }
    context.stream.copyRows(first: 0, count: tokens, from: previous, arithmetic.team)
  }
}
