import Inference
import Ranks
import Reporting
import Tokenizers

/// What is asked of the context: one prompt, or what is left to answer of a file of questions. Only
/// rank 0 has it.
struct Questionnaire {
  struct Entry {
    let question: Question
    /// Those of the parameters.
    let stopTexts: StopTexts
    /// Tokens of the question's own context, 0 for none.
    let ownContextTokens: Int

    init(
      own: (number: Int, tokens: Int)? = nil, prompt: [Int32], _ parameters: GenerationParameters,
      _ stopTexts: StopTexts
    ) {
      question = Question(
        context: own?.number, prompt: prompt, maximumTokens: parameters.maxTokens,
        sampling: parameters.sampling)
      self.stopTexts = stopTexts
      ownContextTokens = own?.tokens ?? 0
    }
  }

  /// What every rank has to know of it.
  struct Extent: BitwiseCopyable {
    var questions = 0
    /// Most tokens that a question appends to the context, its own context and its answer included.
    var longest = 0
    /// Most tokens of a prompt.
    var longestPrompt = 0
    /// Most tokens of a context of a question's own.
    var longestOwnContext = 0
  }

  let entries: [Entry]
  let receiver: any AnswerReceiver

  var extent: Extent {
    Extent(
      questions: entries.count,
      longest: entries.map { $0.ownContextTokens + $0.question.longest }.max() ?? 0,
      longestPrompt: entries.map(\.question.prompt.count).max() ?? 0,
      longestOwnContext: entries.map(\.ownContextTokens).max() ?? 0)
  }
}

/// Where the answers to a questionnaire go, and what they come to.
protocol AnswerReceiver: AnyObject {
  /// Whether an answer's text goes to standard output as it comes.
  var streams: Bool { get }

  /// Before the first answer.
  ///
  /// - Throws: 74.
  func begin() throws

  /// Takes the logits from which the next token of an answer is chosen.
  ///
  /// - Throws: 74.
  func receive(logits: UnsafeBufferPointer<Float>) throws

  /// Takes the answer to entry number `index`.
  ///
  /// - Throws: 74.
  func receive(_ answer: FinishedAnswer, to index: Int) throws

  /// For the record of the run, once all questions are answered.
  ///
  /// - Parameter contextTokens: their number.
  func outcome(contextTokens: Int) -> RunRecord.Answer

  /// Why the answering was given up.
  ///
  /// - Parameters:
  ///   - cause: such as "SIGTERM".
  ///   - folder: the context is saved in it; nil where it is saved nowhere.
  func interrupted(by cause: String, contextIn folder: String?) -> Failure
}

extension RunRecord.Sampling {
  init(_ parameters: SamplingParameters) {
    self.init()
    temperature = parameters.temperature
    topK = parameters.topK
    topP = parameters.topP
    minP = parameters.minP
    repetitionPenalty = parameters.penalties.repetition
    presencePenalty = parameters.penalties.presence
    frequencyPenalty = parameters.penalties.frequency
  }
}
