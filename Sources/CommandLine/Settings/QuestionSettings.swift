import Ranks

/// What `--prompts` and the options that belong to it say.
package struct QuestionSettings: Codable, Equatable, Sendable {
  /// The file of questions; `-` is standard input.
  package var prompts: String
  /// The file of answers; nil is standard output.
  package var answers: String?
  /// How many questions are answered together, 1 to 64.
  package var batch: Int

  /// Nil where `options` have no `--prompts`.
  ///
  /// - Throws: 64 if options do not go together.
  init?(_ options: GenerateOptions) throws(Failure) {
    guard let prompts = options.prompts else {
      for (option, isGiven) in [
        (GenerateOption.answers, options.answers != nil), (.batch, options.batch != nil),
      ] where isGiven {
        throw Failure(
          .usage, "--\(option.rawValue) is for many questions, give --prompts FILE with it")
      }
      return nil
    }
    self.prompts = prompts
    answers = options.answers == "-" ? nil : options.answers
    batch = options.batch ?? 16
    if options.logits != nil {
      throw Failure(
        .usage, "--logits writes those of one answer, leave it out or ask with --prompt")
    }
    if options.json && answers == nil {
      throw Failure(
        .usage,
        """
        --json and the answers would both go to standard output, give --answers FILE or \
        --report FILE
        """)
    }
  }
}
