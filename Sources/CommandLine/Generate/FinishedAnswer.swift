import Inference
import Reporting

/// An answer that is done.
struct FinishedAnswer {
  let text: String
  let generation: Generation
  let promptTokens: Int
  /// Of the logits from which each token was chosen.
  let logitsDigest: String
  /// Nil where nobody asks.
  let sources: AnswerSources?
}

extension FinishReason {
  init(_ end: Generation.End) {
    switch end {
    case .endOfSequence: self = .endOfSequence
    case .stop: self = .stop
    case .length: self = .length
    }
  }
}
