import Inference
import Ranks
import Reporting
import Tokenizers

extension Questionnaire {
  /// One prompt, or none: the answer goes to standard output.
  ///
  /// - Parameters:
  ///   - suggestions: what the model's makers suggest.
  ///   - logits: takes those from which tokens are chosen.
  /// - Throws: `TokenizerError` for an empty stop text.
  init(
    prompt: [Int32], _ settings: GenerateSettings, suggestions: GenerationChoices,
    logits: LogitsFile?
  ) throws {
    let parameters = GenerationParameters(flags: settings.generation, model: suggestions)
    entries = [Entry(prompt: prompt, parameters, try StopTexts(parameters.stopTexts))]
    receiver = PromptAnswer(
      streams: !settings.json, sampling: parameters.sampling, logits: logits,
      // With all of the context's logits written, the last one is there already unless a prompt
      // followed.
      hasFirstLogits: settings.logitsAll && prompt.isEmpty)
  }
}

/// Takes the answer to one prompt.
private final class PromptAnswer: AnswerReceiver {
  let streams: Bool
  private let sampling: SamplingParameters
  private let logits: LogitsFile?
  private var hasNextLogits: Bool
  private var answer: FinishedAnswer?

  init(
    streams: Bool, sampling: SamplingParameters, logits: LogitsFile?, hasFirstLogits: Bool
  ) {
    self.streams = streams
    self.sampling = sampling
    self.logits = logits
    hasNextLogits = hasFirstLogits
  }

  func begin() {}

  func receive(logits row: UnsafeBufferPointer<Float>) throws {
    if !hasNextLogits { try logits?.append(row) }
    hasNextLogits = false
  }

  func receive(_ answer: FinishedAnswer, to index: Int) { self.answer = answer }

  func outcome(contextTokens: Int) -> RunRecord.Answer {
    guard let answer else { preconditionFailure("the prompt is answered") }
    let generation = answer.generation
    var outcome = RunRecord.Answer(
      text: answer.text, tokenIDs: generation.tokens.map(Int.init),
      finishReason: FinishReason(generation.end), seed: sampling.seed,
      tokens: .init(
        context: contextTokens, prompt: answer.promptTokens, generated: generation.tokens.count),
      logitsDigest: answer.logitsDigest)
    outcome.sampling = .init(sampling)
    outcome.sources = answer.sources ?? AnswerSources()
    return outcome
  }

  func interrupted(by cause: String, contextIn folder: String?) -> Failure {
    guard let folder else {
      return Failure(
        .interrupted,
        "interrupted by \(cause) in the answer, and the context is not saved; start the job again")
    }
    return Failure(
      .interrupted,
      """
      interrupted by \(cause) in the answer: the whole context is saved in '\(folder)'; give --resume \
      \(folder) to ask again
      """)
  }
}
