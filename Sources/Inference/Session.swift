import Kernels
import MPI
import RingAttention
import Transformer

/// One context and what is asked of it: prefill, appended prompts, generation. Every rank makes the
/// same calls.
public final class Session {
  public let model: Model
  public let stack: DecoderStack
  let communicator: Communicator
  /// Most questions that are answered at once.
  public let batch: Int
  /// `[vocabularySize]`: of the context's last position.
  let contextLogits: AlignedBuffer<Float>
  /// `[batch][vocabularySize]`: of those that a step of the answers gave.
  let stepLogits: AlignedBuffer<Float>

  /// - Parameters:
  ///   - contextTokens: the length of the context, 1 or more.
  ///   - maximumAppended: most tokens of a prompt and its answer together.
  ///   - batch: most questions that are answered at once.
  public init(
    model: Model, communicator: Communicator, arithmetic: Arithmetic, partition: PartitionKind,
    contextTokens: Int, maximumAppended: Int, batch: Int = 1
  ) {
    self.model = model
    self.communicator = communicator
    self.batch = batch
    stack = DecoderStack(
      weights: model.weights, communicator: communicator, arithmetic: arithmetic,
      partition: partition, contextTokens: contextTokens, maximumAppended: maximumAppended,
      branches: batch)
    contextLogits = AlignedBuffer(count: model.configuration.vocabularySize)
    stepLogits = AlignedBuffer(count: batch * model.configuration.vocabularySize)
  }

  /// Runs the whole context, or what is left of it where some or all layers were restored. See
  /// `DecoderStack.prefill`.
  ///
  /// - Returns: whether it is finished; if not, a later call goes on.
  /// - Throws: `MPIError`, and what `afterLayer` throws.
  @discardableResult
  public func prefill(
    _ tokens: [Int32], onProgress: ((_ layer: Int, _ fraction: Double) -> Void)? = nil,
    interruption: Interruption? = nil,
    afterLayer: ((_ finishedLayers: Int) throws -> Bool)? = nil
  ) throws -> Bool {
    if stack.tokenCount == 0 {
      guard
        try stack.prefill(
          tokens: tokens, onProgress: onProgress, interruption: interruption,
          afterLayer: afterLayer)
      else { return false }
    }
    try stack.lastContextLogits(into: contextLogits.pointer)
    return true
  }
}
