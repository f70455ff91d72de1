import Kernels
import RingAttention

/// Where the rows of tokens stand while they run through a mixture of experts.
struct ExpertBuffers {
  /// How large they are.
  struct Plan: Sendable {
    let tokens: Int
    /// Rows that are multiplied at a time, of whichever experts.
    let rows: Int
    fileprivate let routerInputs: BufferPlan.Slot<UInt8>
    fileprivate let scores: BufferPlan.Slot<Float>
    fileprivate let scratch: BufferPlan.Slot<Double>
    fileprivate let chosen: BufferPlan.Slot<Int32>
    fileprivate let weights: BufferPlan.Slot<Float>
    fileprivate let gates: BufferPlan.Slot<Float>
    fileprivate let firstSlots: BufferPlan.Slot<Int32>
    fileprivate let slots: BufferPlan.Slot<Int32>
    fileprivate let runs: BufferPlan.Slot<ExpertRun>
    fileprivate let rowTokens: BufferPlan.Slot<Int32>
    fileprivate let rowWeights: BufferPlan.Slot<Float>
    fileprivate let gathered: BufferPlan.Slot<UInt8>
    fileprivate let outputs: BufferPlan.Slot<Float>
    fileprivate let chunkSums: BufferPlan.Slot<Double>
    fileprivate let sum: BufferPlan.Slot<Float>

    /// Adds them to a plan.
    ///
    /// - Parameters:
    ///   - mixtures: those of all layers, one at least.
    ///   - tokens: that are there together.
    ///   - sumsChunks: whether outputs are sums over chunks, and so all rows are multiplied at a time.
    init(
      _ mixtures: [MixtureConfiguration], _ configuration: ModelConfiguration,
      _ arithmetic: Arithmetic, tokens: Int, sumsChunks: Bool, in plan: inout BufferPlan
    ) {
      let hidden = configuration.hiddenSize
      let experts = mixtures.map(\.experts).max()!
      let chosenSlots = tokens * mixtures.map(\.expertsPerToken).max()!
      let routed = min(tokens, ExpertBuffers.tokensRoutedAtOnce)
      self.tokens = tokens
      rows = sumsChunks ? chosenSlots : min(chosenSlots, PrefillPass.tokensPerChunk)
      routerInputs = plan.add(routed, InputType.float32.rowBytes(columns: hidden))
      scores = plan.add(routed, experts + 1)
      scratch = plan.add(arithmetic.team.threads, 2, experts)
      chosen = plan.add(chosenSlots)
      weights = plan.add(chosenSlots)
      gates = plan.add(tokens)
      firstSlots = plan.add(experts + 1)
      slots = plan.add(chosenSlots)
      runs = plan.add(experts)
      rowTokens = plan.add(rows)
      rowWeights = plan.add(rows)
      gathered = plan.add(rows, arithmetic.inputRowBytes(columns: hidden))
      outputs = plan.add(sumsChunks ? 0 : rows, hidden)
      chunkSums = plan.add(sumsChunks ? tokens + rows : 0, hidden, arithmetic.keepsRests ? 2 : 1)
      sum = plan.add(configuration.normalization.hasOutputNorms ? tokens : 0, hidden)
    }
  }

  /// Tokens whose scores are at hand at once.
  static let tokensRoutedAtOnce = tokensPerBlock

  let plan: Plan
  /// `[tokensRoutedAtOnce]` rows of float32.
  let routerInputs: UnsafeMutableRawPointer
  /// `[tokensRoutedAtOnce][experts, and the shared one's gate]`
  let scores: UnsafeMutablePointer<Float>
  /// `[threads][2 · experts]`
  let scratch: UnsafeMutablePointer<Double>
  /// `[tokens][expertsPerToken]`
  let chosen: UnsafeMutablePointer<Int32>
  /// `[tokens][expertsPerToken]`
  let weights: UnsafeMutablePointer<Float>
  /// `[tokens]`, what the shared expert's outputs are multiplied with.
  let gates: UnsafeMutablePointer<Float>
  /// `[experts + 1]`: where each expert's slots begin.
  let firstSlots: UnsafeMutablePointer<Int32>
  /// `[tokens · expertsPerToken]`: places in `chosen`, expert after expert, in ascending order.
  let slots: UnsafeMutablePointer<Int32>
  /// `[experts]`
  let runs: UnsafeMutablePointer<ExpertRun>
  /// `[rows]`
  let rowTokens: UnsafeMutablePointer<Int32>
  /// `[rows]`
  let rowWeights: UnsafeMutablePointer<Float>
  /// `[rows]` rows of matrix input of hiddenSize.
  let gathered: UnsafeMutableRawPointer
  /// `[rows][hiddenSize]`, where outputs are not sums over chunks.
  let outputs: UnsafeMutablePointer<Float>
  /// `[tokens + rows][hiddenSize]` Float64, where they are; with rests twice as many.
  private let chunkSums: UnsafeMutablePointer<Double>
  /// `[tokens][hiddenSize]`, where a norm is between them and the residual stream.
  let sum: UnsafeMutablePointer<Float>

  init(_ plan: Plan, in memory: Buffers) {
    self.plan = plan
    routerInputs = memory[raw: plan.routerInputs]
    scores = memory[plan.scores]
    scratch = memory[plan.scratch]
    chosen = memory[plan.chosen]
    weights = memory[plan.weights]
    gates = memory[plan.gates]
    firstSlots = memory[plan.firstSlots]
    slots = memory[plan.slots]
    runs = memory[plan.runs]
    rowTokens = memory[plan.rowTokens]
    rowWeights = memory[plan.rowWeights]
    gathered = memory[raw: plan.gathered]
    outputs = memory[plan.outputs]
    chunkSums = memory[plan.chunkSums]
    sum = memory[plan.sum]
  }

  /// Bytes that are kept for every token.
  static func bytesPerToken(
    _ configuration: ModelConfiguration, _ arithmetic: Arithmetic
  ) -> Int {
    arithmetic.inputRowBytes(columns: configuration.hiddenSize)
      + (configuration.normalization.hasOutputNorms ? 4 * configuration.hiddenSize : 0)
  }
}

extension ExpertBuffers {
  /// Sorts the chosen slots by their experts: by counting, so that those of one expert stay in the order
  /// of their tokens.
  func sortSlots(experts: Int, count: Int) {
    firstSlots.update(repeating: 0, count: experts + 1)
    for slot in 0..<count { firstSlots[Int(chosen[slot]) + 1] += 1 }
    for expert in 0..<experts { firstSlots[expert + 1] += firstSlots[expert] }
    for slot in 0..<count {
      let expert = Int(chosen[slot])
      slots[Int(firstSlots[expert])] = Int32(slot)
      firstSlots[expert] += 1
    }
    // Each is now where the next one begins.
    for expert in stride(from: experts, to: 0, by: -1) {
      firstSlots[expert] = firstSlots[expert - 1]
    }
    firstSlots[0] = 0
  }

  /// Calls `body` with the rows of all chosen slots, in ascending order of their experts: whole experts
  /// together as far as there is room, since each part of one packs its weights anew.
  ///
  /// - Returns: false where `body` says so.
  func forEachRows(
    experts: Int, expertsPerToken: Int, _ body: (ExpertRows) throws -> Bool
  ) rethrows -> Bool {
    var (runCount, rowCount) = (0, 0)
    func rows() -> ExpertRows {
      ExpertRows(
        runs: UnsafeBufferPointer(start: runs, count: runCount), tokens: rowTokens,
        weights: rowWeights)
    }
    for expert in 0..<experts {
      let end = Int(firstSlots[expert + 1])
      var next = Int(firstSlots[expert])
      while next < end {
        if rowCount > 0, rowCount + end - next > plan.rows {
          guard try body(rows()) else { return false }
          (runCount, rowCount) = (0, 0)
        }
        let count = min(end - next, plan.rows)
        runs[runCount] = ExpertRun(expert: expert, rows: rowCount..<rowCount + count)
        for index in 0..<count {
          let slot = Int(slots[next + index])
          rowTokens[rowCount + index] = Int32(slot / expertsPerToken)
          rowWeights[rowCount + index] = weights[slot]
        }
        runCount += 1
        rowCount += count
        next += count
      }
    }
    return try rowCount == 0 || body(rows())
  }

  /// The experts that have rows, and the rows of all of them.
  func load(of layers: ExpertLayers, experts: Int) -> ExpertLoad {
    var (count, first, last) = (0, 0, 0)
    for expert in 0..<experts where firstSlots[expert + 1] > firstSlots[expert] {
      count += 1
      first += layers.gateAndUp[expert].bytes
      last += layers.output[expert].bytes
    }
    return ExpertLoad(
      experts: count, rows: Int(firstSlots[experts]),
      of: (layers.gateAndUp[0], layers.output[0]), firstBytes: first, lastBytes: last)
  }

  /// The rows of some of the experts that have any, numbered by these, in ascending order.
  func rows(of chosen: Range<Int>, experts: Int, expertsPerToken: Int) -> ExpertRows {
    var (number, runCount, rowCount) = (0, 0, 0)
    for expert in 0..<experts where firstSlots[expert + 1] > firstSlots[expert] {
      defer { number += 1 }
      guard chosen.contains(number) else { continue }
      let first = rowCount
      for index in Int(firstSlots[expert])..<Int(firstSlots[expert + 1]) {
        let slot = slots[index]
        rowTokens[rowCount] = slot / Int32(expertsPerToken)
        rowWeights[rowCount] = weights[Int(slot)]
        rowCount += 1
      }
      runs[runCount] = ExpertRun(expert: expert, rows: first..<rowCount)
      runCount += 1
    }
    return ExpertRows(
      runs: UnsafeBufferPointer(start: runs, count: runCount), tokens: rowTokens,
      weights: rowWeights)
  }

  /// Where sums over chunks stand: `[tokens][columns]`, and `[rows][columns]` of each row.
  func sums(tokens: Int, columns: Int, keepsRests: Bool) -> (ofTokens: ChunkSums, ofRows: ChunkSums)
  {
    let width = columns * (keepsRests ? 2 : 1)
    let ofRows = chunkSums + tokens * width
    return (
      ChunkSums(chunkSums, rests: keepsRests ? chunkSums + columns : nil, stride: width),
      ChunkSums(ofRows, rests: keepsRests ? ofRows + columns : nil, stride: width)
    )
  }

  /// Calls `body` with the rows of tokens that all have one expert, and the first of these.
  func forEachRows(
    ofAll tokens: Int, _ body: (ExpertRows, _ firstToken: Int) throws -> Bool
  ) rethrows -> Bool {
    for first in stride(from: 0, to: tokens, by: plan.rows) {
      let count = min(plan.rows, tokens - first)
      guard try body(rows(ofAll: count, from: first), first) else { return false }
    }
    return true
  }

  /// The rows of so many tokens that all have one expert.
  func rows(ofAll tokens: Int, from first: Int = 0) -> ExpertRows {
    runs[0] = ExpertRun(expert: 0, rows: 0..<tokens)
    for index in 0..<tokens { rowTokens[index] = Int32(first + index) }
    return ExpertRows(
      runs: UnsafeBufferPointer(start: runs, count: 1), tokens: rowTokens, weights: gates + first)
  }
}
