extension RunRecord {
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

  /// Where the time went, in seconds.
  public struct Seconds: Codable, Equatable, Sendable {
    /// Reading or constructing the model.
    public let load: Double
    /// Reading and tokenizing the context and the prompt.
    public let tokenize: Double
    /// From the first token of the context to the logits after its last one.
    public let prefill: Double
    /// Reading a saved context.
    public let restore: Double
    /// Writing the context and its checkpoints.
    public let save: Double
    /// From the end of the prefill to the logits after the last token of the prompt; 0 with many
    /// questions, which are read while others are answered.
    public let prompt: Double
    /// Generating, after that.
    public let decode: Double
    /// The part of the prefill in which a rank waited for keys and values that computation did
    /// not hide; the largest of the ranks'.
    public let exposedExchange: Double

    enum CodingKeys: String, CodingKey {
      case load, tokenize, prefill, prompt, restore, save, decode
      case exposedExchange = "exposed_exchange"
    }

    public init(
      load: Double, tokenize: Double, restore: Double = 0, prefill: Double, save: Double = 0,
      prompt: Double, decode: Double, exposedExchange: Double
    ) {
      self.load = finite(load)
      self.tokenize = finite(tokenize)
      self.prefill = finite(prefill)
      self.prompt = finite(prompt)
      self.restore = finite(restore)
      self.save = finite(save)
      self.decode = finite(decode)
      self.exposedExchange = finite(exposedExchange)
    }
  }

  /// Tokens a second; 0 where no time passed.
  public struct TokensPerSecond: Codable, Equatable, Sendable {
    /// Tokens of the context over the seconds of the prefill.
    public let prefill: Double
    /// Generated tokens over the seconds of the decoding.
    public let decode: Double
  }

  /// Floating-point operations, or their rate, by kind.
  public struct Arithmetic: Codable, Equatable, Sendable {
    /// Scores and weighted sums of attention; a multiplication and an addition count as two.
    public let attention: Double
    /// Linear layers.
    public let linear: Double

    public init(attention: Double, linear: Double) {
      self.attention = finite(attention)
      self.linear = finite(linear)
    }

    /// These operations as 10^9 a second, each kind over the time that it took; 0 where none did.
    public func gflops(attentionSeconds: Double, linearSeconds: Double) -> Arithmetic {
      Arithmetic(
        attention: rate(attention, attentionSeconds) / 1e9,
        linear: rate(linear, linearSeconds) / 1e9)
    }
  }
}

/// `amount` over `seconds`, or 0 where that is no finite number.
func rate(_ amount: Double, _ seconds: Double) -> Double {
  seconds > 0 ? finite(amount / seconds) : 0
}

/// `value`, or 0 in place of NaN and the infinities, which JSON cannot express.
func finite(_ value: Double) -> Double {
  value.isFinite ? value : 0
}
