import Inference
import Reporting

/// What a run gave: one answer, or what the answers to many questions come to.
struct RunOutcome {
  var text = ""
  var tokenIDs: [Int] = []
  var finishReason: FinishReason
  var questions = RunRecord.Questions()
  var promptTokens: Int
  var generatedTokens: Int
  var logitsDigest: String
}

extension RunOutcome {
  init(_ generation: Generation, answer: Answer, digest: LogitsDigest, promptTokens: Int) {
    self.init(
      text: answer.text, tokenIDs: generation.tokens.map(Int.init),
      finishReason: FinishReason(generation.end), promptTokens: promptTokens,
      generatedTokens: generation.tokens.count, logitsDigest: digest.hexadecimal)
  }
}
