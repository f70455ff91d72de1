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
    fileprivate let lastAttention: LastTokenAttention.Plan
    /// Nil where no layer's queries go round.
    fileprivate let passedQueries: PassedQueries.Plan?
    /// `[layers]`
    fileprivate let passed: [PassedOperand]
    fileprivate let layer: LayerBuffers.Plan
    fileprivate let rotations: [RoPETable.Plan]
    fileprivate let buffers: BufferPlan

    init(
      _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, _ common: SequencePlan,
      share: SequenceShare, attention: PrefillAttention.Plan, rank: Int
    ) {
      ropes = common.ropes
      passed = common.passed
      let layouts = zip(configuration.layers, passed).filter { $1 == .queries }.map {
        arithmetic.keyValueLayout($0.0.attention.shape)
      }
      passedQueries =
        layouts.isEmpty
        ? nil
        : PassedQueries.Plan(
          arithmetic: arithmetic, layouts: layouts, shares: common.shares, rank: rank)
      self.attention = attention
      lastAttention = LastTokenAttention.Plan(
        arithmetic: arithmetic,
        layout: arithmetic.keyValueLayout(configuration.layers.last!.attention.shape))
      let tokens = share.tokenCount
      var plan = BufferPlan()
      layer = LayerBuffers.Plan(
        // With room for the last token's query on every rank.
        configuration, arithmetic, rows: max(tokens, 1),
        rowsAtOnce: min(tokens, PrefillPass.tokensPerChunk),
        expertTokens: min(
          tokens,
          configuration.layers.map { $0.feedForward.tokensAtOnce(configuration, arithmetic) }.max()!
        ),
        addsInPlace: true, in: &plan)
      rotations = ropes.map { RoPETable.Plan($0, capacity: tokens, in: &plan) }
      buffers = plan
    }

    var bytes: Int {
      buffers.bytes + attention.bytes + lastAttention.bytes + (passedQueries?.bytes ?? 0)
    }
  }

  let arithmetic: Arithmetic
  let buffers: LayerBuffers
  let rotations: [RoPETable]
  let attention: PrefillAttention
  private let lastAttention: LastTokenAttention
  private let passedQueries: PassedQueries?
  /// Told which part of the attention of the layer under way is done: 0…1.
  var onProgress: ((Double) -> Void)?

  private let context: DecoderContext
  private let stop: PrefillStop
  /// The one under way.
  private var layer = 0
  private(set) var attendingRows = 0..<0
  private let memory: Buffers
  /// The residual stream before the last layer that changed it, of the rows that it changed; nil where
  /// nothing interrupts.
  private let previous: ResidualStream?
  private var changedRows = 0..<0

  init(_ context: DecoderContext, stop: PrefillStop, isInterruptible: Bool) {
    let plan = context.plan.prefill
    self.context = context
    self.stop = stop
    arithmetic = context.arithmetic
    attention = PrefillAttention(
      plan.attention, communicator: context.communicator, arithmetic: arithmetic,
      cache: context.cache)
    lastAttention = LastTokenAttention(
      plan.lastAttention, communicator: context.communicator, arithmetic: arithmetic,
      cache: context.cache)
    passedQueries = plan.passedQueries.map {
      PassedQueries(
        $0, communicator: context.communicator, arithmetic: context.arithmetic,
        cache: context.cache)
    }
    memory = Buffers(plan.buffers)
    buffers = LayerBuffers(plan.layer, in: memory)
    previous = isInterruptible ? ResidualStream(context.plan.stream) : nil
    let share = context.share
    rotations = zip(plan.ropes, plan.rotations).map { [memory] rope, plan in
      var table = RoPETable(rope, plan, in: memory)
      for index in share.blocks.indices {
        table.append(
          positions: share.positions(ofBlock: index), contextTokens: context.rotationTokens)
      }
      return table
    }
  }

  var computes: Bool { true }

  /// Says which layer runs next.
  func begin(layer: Int) {
    self.layer = layer
    let tokens = context.share.tokenCount
    attendingRows = tokens - context.attendingTokens(inLayer: layer)..<tokens
  }

  func forEachRows(
    in part: LayerPart, atOnce: Int, _ body: (_ rows: StreamRows) throws -> Bool
  ) throws -> Bool {
    let began = ContinuousClock.now
    defer { context.prefillCost.linearSeconds += (ContinuousClock.now - began).seconds }
    let range = part == .keysAndValues ? 0..<attendingRows.lowerBound : attendingRows
    if part == .keysAndValues, range.isEmpty { return true }
    if part == .feedForward { changedRows = range.lowerBound..<range.lowerBound }
    return try context.withSpan(part.spanName) {
      for first in stride(from: range.lowerBound, to: range.upperBound, by: atOnce) {
        let count = min(atOnce, range.upperBound - first)
        if part == .feedForward { keepStream(first: first, count: count) }
        let rows = StreamRows(first: first, count: count, stream: context.stream.row(first))
        guard try body(rows) else {
          if part == .feedForward { restoreStream() }
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

  func noteLoad(of firstSlots: UnsafePointer<Int32>, experts: Int) {
    let missing = layer + 1 - context.prefillCost.expertTokens.count
    if missing > 0 {
      context.prefillCost.expertTokens += [[Int]](repeating: [], count: missing)
    }
    // One token says nothing of how they are loaded.
    guard context.runsWhole(layer: layer) else { return }
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
    let place = context.share.place(ofToken: row)
    return KeyValuePlace(
      block: context.cache.head(0, layer: layer, index: context.ownBaseBlocks + place.block),
      token: place.token)
  }

  func attend(_ layer: LayerAttention) throws -> Bool {
    let began = ContinuousClock.now
    guard let work = try work(of: layer) else { return false }
    context.prefillCost.attention += work
    context.prefillCost.attentionSeconds += (ContinuousClock.now - began).seconds
    // From here on there is no way back behind the layer before.
    _ = try stop.awaitVerdict()
    guard !stop.abandonsLayer else { return false }
    stop.reachableLayers = layer.index...layer.index
    return true
  }

  /// Attends the rows that attend.
  ///
  /// - Returns: nil where the layer was given up.
  private func work(of layer: LayerAttention) throws -> AttentionWork? {
    let runsWhole = context.runsWhole(layer: layer.index)
    if runsWhole, context.plan.prefill.passed[layer.index] == .keysAndValues {
      return try attention.attend(
        layer, queries: buffers.queries, output: buffers.attended, stop: stop,
        onSpan: context.onSpan, onProgress: onProgress)
    }
    // These exchanges cannot be taken back. So all ranks decide before to have them, and none gives up
    // before it has.
    _ = try stop.agreeOnVerdict()
    guard !stop.abandonsLayer else { return nil }
    if runsWhole {
      return try passedQueries!.attend(
        layer, queries: buffers.queries, output: buffers.attended, onSpan: context.onSpan,
        onProgress: onProgress)
    }
    // The context's last token alone, which takes no longer than one that is generated.
    return try lastAttention.attend(
      layer, position: context.contextTokens - 1, owner: context.ownerOfLastPosition,
      query: buffers.queries, output: buffers.attended, onSpan: context.onSpan)
  }

  /// What MPI's thread does between matrix products; says whether to go on with the layer.
  func goesOn() -> Bool {
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
    changedRows = changedRows.lowerBound..<first + count
    previous?.copyRows(first: first, count: count, from: context.stream, arithmetic.team)
  }

  /// Makes the rows what they were before the last layer that changed them.
  func restoreStream() {
    guard let previous else { return }
    context.stream.copyRows(
      first: changedRows.lowerBound, count: changedRows.count, from: previous, arithmetic.team)
  }
}
