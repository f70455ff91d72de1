import Kernels
import MPI
import RingAttention
import Transformer

/// One context and what is asked of it: prefill, an appended prompt, generation. Every rank makes
/// the same calls.
public final class Session {
  public let model: Model
  public let stack: DecoderStack
  private let communicator: Communicator
  /// `[vocabularySize]`: the logits of the last position that was computed.
  private let logits: AlignedBuffer<Float>

  /// - Parameters:
  ///   - contextTokens: the length of the context, 1 or more.
  ///   - maximumAppended: most tokens of the prompt and the answer together.
  public init(
    model: Model, communicator: Communicator, arithmetic: Arithmetic, partition: PartitionKind,
    contextTokens: Int, maximumAppended: Int
  ) {
    self.model = model
    self.communicator = communicator
    stack = DecoderStack(
      weights: model.weights, communicator: communicator, arithmetic: arithmetic,
      partition: partition, contextTokens: contextTokens, maximumAppended: maximumAppended)
    logits = AlignedBuffer(count: model.configuration.vocabularySize)
  }

  /// The logits of the last position that was computed, `[vocabularySize]`, the same on every rank.
  public var lastLogits: UnsafeBufferPointer<Float> { UnsafeBufferPointer(logits.elements) }

  /// Runs the whole context; afterwards `lastLogits` are those of its last position.
  ///
  /// - Throws: `MPIError`.
  public func prefill(
    _ tokens: [Int32], onProgress: ((_ layer: Int, _ fraction: Double) -> Void)? = nil
  ) throws {
    try stack.prefill(tokens: tokens, onProgress: onProgress)
    try stack.lastContextLogits(into: logits.pointer)
  }

  /// Runs a prompt behind what is there; afterwards `lastLogits` are those of its last token.
  ///
  /// - Throws: `MPIError`.
  public func append(_ tokens: [Int32]) throws {
    let step = DecoderStack.tokensPerAppend
    for first in stride(from: 0, to: tokens.count, by: step) {
      let end = min(tokens.count, first + step)
      try stack.append(
        tokens: tokens[first..<end], logits: end == tokens.count ? logits.pointer : nil)
    }
  }

  /// Generates until the model ends the sequence, the listener has enough, or the limit is reached.
  ///
  /// - Parameters:
  ///   - onLogits: hears, on rank 0, the logits from which each token is chosen.
  ///   - onToken: hears, on rank 0, every token but one that ends the sequence, and says whether to
  ///     go on.
  /// - Throws: `MPIError`; where a listener throws, `SessionError` on every rank, so that all know
  ///   that the work is over.
  public func generate(
    maximumTokens: Int, sampling: SamplingParameters,
    onLogits: (UnsafeBufferPointer<Float>) throws -> Void,
    onToken: (Int32) throws -> Bool
  ) throws -> Generation {
    var sampler = Sampler(sampling)
    var generated: [Int32] = []
    while true {
      // Rank 0 chooses and decides; the others follow it.
      var step = Step(token: 0, end: .none)
      var failure: (any Error)?
      if communicator.rank == 0 {
        do {
          try onLogits(lastLogits)
          if maximumTokens == 0 {
            step.end = .length
          } else {
            step.token = sampler.next(lastLogits)
            step.end = try end(
              after: step.token, count: generated.count + 1, maximumTokens, onToken)
          }
        } catch {
          failure = error
          step.end = .failure
        }
      }
      step = try communicator.broadcast(value: step, from: 0)
      if let failure { throw SessionError.listenerFailed(failure) }
      if step.end != .failure, maximumTokens > 0 { generated.append(step.token) }
      switch step.end {
      case .none: try append([step.token])
      case .failure: throw SessionError.abandoned
      case .endOfSequence: return Generation(tokens: generated, end: .endOfSequence)
      case .stop: return Generation(tokens: generated, end: .stop)
      case .length: return Generation(tokens: generated, end: .length)
      }
    }
  }

  private func end(
    after token: Int32, count: Int, _ maximumTokens: Int, _ onToken: (Int32) throws -> Bool
  ) throws -> Step.End {
    if model.endOfSequenceTokens.contains(token) { return .endOfSequence }
    if try !onToken(token) { return .stop }
    return count == maximumTokens ? .length : .none
  }

  private struct Step: BitwiseCopyable {
    enum End: UInt8, BitwiseCopyable { case none, endOfSequence, stop, length, failure }
    var token: Int32
    var end: End
  }
}

/// Why a generation was given up; every rank hears of it.
public enum SessionError: Error {
  /// On rank 0: a listener threw this.
  case listenerFailed(any Error)
  /// On the other ranks: rank 0 gave up.
  case abandoned
}

/// What was generated, and why it ended.
public struct Generation: Sendable {
  public enum End: Sendable {
    /// The model gave an end-of-sequence token, which is the last of `tokens`.
    case endOfSequence
    /// The listener had enough: a stop text.
    case stop
    /// The limit of tokens.
    case length
  }

  public let tokens: [Int32]
  public let end: End
}
