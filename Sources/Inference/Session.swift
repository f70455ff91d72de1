import Kernels
import MPI
import Ranks
import RingAttention
import Transformer

/// One context, prefilled and ready for what is asked of it; see `AnswerLoop`. Every rank makes the
/// same calls.
public final class Session {
  public let model: Model
  /// Its branches are the most questions that are answered at once, and what is appended in one is a
  /// prompt and its answer.
  public let sequence: SequenceDescription
  public let context: DecoderContext
  public let communicator: Communicator
  /// `[vocabulary.size]`: of the context's last position.
  let contextLogits: AlignedBuffer<Float>
  /// Ids of the whole context, once it is prefilled.
  private(set) var contextTokens: [Int32] = []
  /// Once the context is prefilled.
  private var appendPass: AppendPass?

  public init(
    model: Model, _ sequence: SequenceDescription, communicator: Communicator,
    arithmetic: Arithmetic
  ) {
    self.model = model
    self.sequence = sequence
    self.communicator = communicator
    context = DecoderContext(
      weights: model.weights, sequence, communicator: communicator, arithmetic: arithmetic)
    contextLogits = AlignedBuffer(count: model.configuration.vocabulary.size)
  }

  /// What runs tokens behind the context; after the prefill.
  var append: AppendPass {
    guard let appendPass else { preconditionFailure("the context is prefilled first") }
    return appendPass
  }

  /// Bytes that this rank has sent to others: KV blocks, softmax states and shares of linear
  /// layers.
  public var bytesSent: Int {
    context.prefillCost.attention.bytesSent + context.prefillCost.weightBytesSent
      + (appendPass?.bytesSent ?? 0)
  }

  /// How often this rank has exchanged something with others for what follows the context.
  public var exchanges: Int { appendPass?.exchanges ?? 0 }
  /// How many of these were among hosts, and the bytes that this rank has sent to other hosts for them.
  public var exchangesAmongHosts: Int { appendPass?.exchangesAmongHosts ?? 0 }
  public var bytesAmongHosts: Int { appendPass?.bytesAmongHosts ?? 0 }

  /// Runs the whole context, or what is left of it where some or all layers were restored. See
  /// `PrefillPass`.
  ///
  /// - Parameters:
  ///   - tokens: all of the context's, what is restored included.
  ///   - positions: whose logits are wanted; all for `forEachContextLogits` and its kin.
  /// - Returns: whether it is finished; if not, a later call goes on.
  /// - Throws: `MPIError`, and what `afterLayer` throws.
  @discardableResult
  public func prefill(
    _ tokens: [Int32], logitsOf positions: ContextPositions = .last,
    onProgress: ((_ layer: Int, _ fraction: Double) -> Void)? = nil,
    interruption: Interruption? = nil,
    afterLayer: ((_ finishedLayers: Int) throws -> Bool)? = nil
  ) throws -> Bool {
    if !context.isPrefilled {
      let pass = PrefillPass(context, logitsOf: positions, interruption: interruption)
      guard try pass.run(tokens: tokens, onProgress: onProgress, afterLayer: afterLayer) else {
        return false
      }
    }
    let pass = try AppendPass(context)
    try pass.lastContextLogits(into: contextLogits.pointer)
    appendPass = pass
    contextTokens = tokens
    return true
  }

  /// The logits of every position of the context on rank 0; see `AppendPass`.
  ///
  /// - Throws: `MPIError`, and on rank 0 what `body` throws.
  public func forEachContextLogits(
    _ body: (UnsafeBufferPointer<Float>) throws -> Void
  ) throws {
    try append.forEachContextLogits(body)
  }

  /// The logits of this rank's own positions of the context, block by block in their order: no logits
  /// travel. Every rank calls this.
  ///
  /// - Parameters:
  ///   - range: the positions that are wanted, ascending; blocks without one cost nothing.
  ///   - body: called for each block that has some, with those and `[positions][vocabulary.size]`.
  /// - Throws: what `body` throws, and `MPIError`.
  public func forEachOwnContextLogits(
    in range: Range<Int>,
    _ body: (_ positions: Range<Int>, UnsafeBufferPointer<Float>) throws -> Void
  ) throws {
    let vocabulary = model.configuration.vocabulary.size
    let logits = try ContextLogits(context)
    for (index, block) in context.ownContextBlocks.enumerated() {
      let wanted = positions(ofBlock: block).clamped(to: range)
      guard !wanted.isEmpty else { continue }
      let rows = logits.compute(ofBlock: index)
      let first = wanted.lowerBound - block * tokensPerBlock
      try body(
        wanted,
        UnsafeBufferPointer(
          rebasing: rows[first * vocabulary..<(first + wanted.count) * vocabulary]))
    }
  }

  /// Positions of the context in a block.
  func positions(ofBlock block: Int) -> Range<Int> {
    let first = block * tokensPerBlock
    return first..<min(first + tokensPerBlock, sequence.contextTokens)
  }
}
