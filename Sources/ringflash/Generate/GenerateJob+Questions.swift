import Inference
import Reporting
import Tokenizers

// What `--prompts` adds to a job. Rank 0 alone has the questionnaire; all ranks have the questions that
// are still to be answered.

extension GenerateJob {
  /// Reads the files of questions and answers; nil without `--prompts`, and on other ranks.
  func readQuestionnaire() throws -> Questionnaire? {
    try job.onEveryRank {
      guard let questions = settings.questions, job.isRoot else { return nil }
      // Standard input may be slow.
      return try job.whileTicking { try Questionnaire(questions) }
    }
  }

  /// The questions without an answer, on every rank; nil without `--prompts`.
  func pendingQuestions(
    _ questionnaire: Questionnaire?, _ model: ModelOutline, _ input: Input
  ) throws -> [Question]? {
    guard settings.questions != nil else { return nil }
    try job.onEveryRank {
      try questionnaire?.prepare(
        settings, model: model, context: input.context,
        suggestions: GenerationChoices(suggestedBy: model))
    }
    return try job.communicator.broadcast(questions: questionnaire?.sessionQuestions ?? [])
  }

  func sayThatAllIsAnswered(_ questionnaire: Questionnaire?) {
    guard let questionnaire, !settings.quiet else { return }
    StandardError.write(
      "every question of \(questionnaire.name) is answered in \(settings.questions?.answers ?? "")\n"
    )
  }

  /// Asks the questions about the context that `session` has; what came of it, on rank 0.
  ///
  /// - Throws: `AgreedFailure` with 74 if an answer cannot be written, with 75 if the job was
  ///   interrupted; `MPIError`.
  func answer(
    _ questions: [Question], _ session: Session, _ questionnaire: Questionnaire?,
    _ preparation: ContextPreparation, tokenizer: Tokenizer?
  ) throws -> RunOutcome? {
    try job.onEveryRank { try questionnaire?.answers.begin() }
    // What is written by then stays, with or without a saved context.
    let interruption = try settings.questions?.answers.map { _ in try job.interruption() }
    let collector = questionnaire.map {
      AnswerCollector($0, tokenizer: tokenizer, display: display)
    }
    display.begin("answers", unit: "question", total: questions.count, tokens: 0)
    let isDone = try job.listening {
      try measured("decode") {
        try session.answer(
          questions,
          onLogits: { collector?.append(logits: $1, to: $0) },
          onToken: { try collector?.append($1, to: $0) ?? true },
          onEnd: { try collector?.end($0, $1) },
          shouldStop: {
            interruption?.poll()
            return interruption?.isRequested ?? preparation.isInterrupted()
          })
      }
    }
    display.end()
    if !isDone {
      let cause = try job.interruptionName()
      try job.runOnRoot { throw interrupted(by: cause, collector, questionnaire) }
    }
    return collector?.outcome
  }

  private func interrupted(
    by cause: String, _ collector: AnswerCollector?, _ questionnaire: Questionnaire?
  ) -> Failure {
    let count = "\(collector?.answered ?? 0) of \(questionnaire?.asked ?? 0) questions are answered"
    let saved: String? = if case .saved(let path) = settings.context { path } else { settings.save }
    let again =
      saved.map { "give --resume \($0) and the same questions" }
      ?? "start again with the same options"
    guard let path = settings.questions?.answers else {
      return Failure(
        .interrupted,
        "interrupted by \(cause): \(count); \(again) and --answers FILE, which a further job goes on"
      )
    }
    return Failure(
      .interrupted, "interrupted by \(cause): \(count) in \(path); \(again) to go on")
  }
}

extension [Question] {
  /// Most tokens that one of them appends to the context, its answer included.
  var longest: Int { map { $0.prompt.count + $0.maximumTokens }.max() ?? 0 }
}
