import Inference
import Kernels
import MPI
import RingAttention
import TestSupport
import Transformer

/// What a session computes for a run of a fixture.
struct ParityRun {
  /// `[context tokens][vocabularySize]`; of rank 0, on the others empty.
  var contextLogits: [Float] = []
  /// `[generated tokens][vocabularySize]`: those from which each was chosen; of rank 0, on the
  /// others empty.
  var generatedLogits: [Float] = []
  /// Of rank 0, on the others empty.
  var generated: [Int32] = []

  /// Of the context and of all generated tokens.
  var logits: [Float] { contextLogits + generatedLogits }

  @MPIThread init(
    _ run: ParityFixture.Run, of model: Model, context: [Int32], _ communicator: Communicator,
    _ arithmetic: Arithmetic, partition: PartitionKind = .zigzag
  ) throws {
    let session = Session(
      model: model,
      SequenceDescription(
        partition: partition, contextTokens: context.count, maximumAppended: run.greedy.count),
      communicator: communicator, arithmetic: arithmetic)
    try session.prefill(context, logitsOf: .all)
    try session.forEachContextLogits { contextLogits += $0 }
    var (logits, answer): ([Float], [Int32]) = ([], [])
    _ = try session.answer([Question(prompt: [], maximumTokens: run.greedy.count)]) {
      logits += $1
    } onToken: { _, _ in
      true
    } onEnd: {
      answer = $1.tokens
    }
    (generatedLogits, generated) = (logits, answer)
  }
}
