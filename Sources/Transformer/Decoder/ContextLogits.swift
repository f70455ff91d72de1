import Kernels
import RingAttention

/// The logits of a context's positions, of one block of this rank at a time, as matrix products.
public final class ContextLogits {
  /// The memory that they take.
  struct Plan: Sendable {
    fileprivate let normed: BufferPlan.Slot<UInt8>
    fileprivate let logits: BufferPlan.Slot<Float>
    fileprivate let buffers: BufferPlan
    var bytes: Int { buffers.bytes }

    init(_ configuration: ModelConfiguration, _ arithmetic: Arithmetic, contextTokens: Int) {
      let rows = min(tokensPerBlock, contextTokens)
      var plan = BufferPlan()
      normed = plan.add(rows, arithmetic.inputRowBytes(columns: configuration.hiddenSize))
      logits = plan.add(rows, configuration.vocabulary.size)
      buffers = plan
    }
  }

  private let context: DecoderContext
  private let head: LogitsHead
  /// `[tokens of a block][inputStride(hiddenSize)]` matrix input.
  private let normed: UnsafeMutableRawPointer
  /// `[tokens of a block][vocabulary.size]`.
  let rows: UnsafeMutablePointer<Float>
  private let memory: Buffers

  /// A collective.
  ///
  /// - Parameter context: prefilled for logits of all positions, its last layer at least by this job.
  /// - Throws: `MPIError`.
  public init(_ context: DecoderContext) throws {
    precondition(
      context.isPrefilled && context.finalPositions == .all && context.baseTokens == 0,
      "a context is prefilled for all of its logits before it has them")
    let plan = context.plan.contextLogits
    self.context = context
    head = LogitsHead(
      context.weights, matrix: try context.weights.passing?.gatherHead(context.communicator))
    memory = Buffers(plan.buffers)
    normed = memory[raw: plan.normed]
    rows = memory[plan.logits]
  }

  /// Those of the rank's block `index` of `ownContextBlocks`, `[tokens of the
  /// block][vocabulary.size]`; valid until the next call.
  public func compute(ofBlock index: Int) -> UnsafeBufferPointer<Float> {
    let tokens = context.share.tokenCount(ofBlock: index)
    head.multiplyBlock(
      context.stream.row(index * tokensPerBlock), rows: tokens, normed: normed, into: rows,
      context.arithmetic)
    return UnsafeBufferPointer(start: rows, count: tokens * context.configuration.vocabulary.size)
  }
}
