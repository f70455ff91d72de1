import Inference
import MPI

extension Communicator {
  /// Rank 0's questions, on every rank; what the others give does not matter.
  ///
  /// - Throws: `MPIError`.
  func broadcast(questions: [Question]) throws -> [Question] {
    let outlines = try broadcast(array: questions.map(QuestionOutline.init), from: 0)
    let tokens = try broadcast(array: questions.flatMap(\.prompt), from: 0)
    var end = 0
    return outlines.map { outline in
      let start = end
      end += outline.promptTokens
      return Question(
        prompt: Array(tokens[start..<end]), maximumTokens: outline.maximumTokens,
        sampling: SamplingParameters(
          temperature: outline.temperature, topK: outline.topK, topP: outline.topP,
          seed: outline.seed))
    }
  }
}

/// A question without its tokens.
private struct QuestionOutline: BitwiseCopyable {
  let promptTokens: Int
  let maximumTokens: Int
  let temperature: Double
  let topK: Int
  let topP: Double
  let seed: UInt64

  init(_ question: Question) {
    promptTokens = question.prompt.count
    maximumTokens = question.maximumTokens
    temperature = question.sampling.temperature
    topK = question.sampling.topK
    topP = question.sampling.topP
    seed = question.sampling.seed
  }
}
