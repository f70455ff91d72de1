extension RunRecord {
  /// What a run gave: one answer, or what the answers to many questions come to.
  public struct Answer: Codable, Equatable, Sendable {
    /// The generated text.
    public let text: String
    /// The generated tokens.
    public let tokenIDs: [Int]
    /// Why generation ended.
    public let finishReason: FinishReason
    /// The seed of the sampler.
    public let seed: UInt64
    /// How else tokens were chosen.
    public var sampling = Sampling()
    /// How many questions were asked and answered.
    public let questions: Questions
    /// How many tokens were read and generated.
    public let tokens: Tokens
    /// SHA-256 over the logits from which each token was chosen: those of the last position before
    /// the answer, then those of each generated token that another one followed; see `LogitsDigest`.
    /// With many questions, SHA-256 over the digests of their answers, each as 64 hexadecimal digits,
    /// in the order of the prompts file.
    public let logitsDigest: String
    /// Where one answer comes from; empty where nobody asked, or the answers are many.
    public var sources: AnswerSources {
      get { AnswerSources(answer: answerSources, tokens: tokenSources) }
      set { (answerSources, tokenSources) = (newValue.answer, newValue.tokens) }
    }
    private var answerSources: [SourceRecord] = []
    private var tokenSources: [[SourceRecord]] = []

    enum CodingKeys: String, CodingKey {
      case text, seed, sampling, questions, tokens
      case answerSources = "sources"
      case tokenSources = "token_sources"
      case tokenIDs = "token_ids"
      case finishReason = "finish_reason"
      case logitsDigest = "logits_digest"
    }

    public init(
      text: String = "", tokenIDs: [Int] = [], finishReason: FinishReason, seed: UInt64,
      questions: Questions = Questions(), tokens: Tokens, logitsDigest: String
    ) {
      self.text = text
      self.tokenIDs = tokenIDs
      self.finishReason = finishReason
      self.seed = seed
      self.questions = questions
      self.tokens = tokens
      self.logitsDigest = logitsDigest
    }
  }

  /// Counts of tokens.
  public struct Tokens: Codable, Equatable, Sendable {
    /// Tokens of the context, prefilled by the ring.
    public let context: Int
    /// Tokens appended after the context: of the prompt, or of all questions that were answered.
    public let prompt: Int
    /// Tokens of the answer, or of all of them.
    public let generated: Int

    public init(context: Int, prompt: Int, generated: Int) {
      self.context = context
      self.prompt = prompt
      self.generated = generated
    }
  }

  /// Counts of the questions of a run; all 0 where it had none but a prompt.
  public struct Questions: Codable, Equatable, Sendable {
    /// Questions of the prompts file.
    public let asked: Int
    /// Those whose answers were there when the run began.
    public let answeredBefore: Int
    /// Those that this run answered.
    public let answered: Int

    enum CodingKeys: String, CodingKey {
      case asked, answered
      case answeredBefore = "answered_before"
    }

    public init(asked: Int = 0, answeredBefore: Int = 0, answered: Int = 0) {
      self.asked = asked
      self.answeredBefore = answeredBefore
      self.answered = answered
    }
  }
}
