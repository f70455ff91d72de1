import Inference
import MPI
import Ranks
import Reporting
import Tokenizers

extension GenerateJob {
  /// Asks what the questionnaire, which rank 0 has, asks of the context that the session has. Every rank
  /// calls this.
  ///
  /// - Parameters:
  ///   - ownContexts: what questions have before them.
  ///   - sources: on rank 0, finds where answers come from; nil where nobody asks.
  /// - Throws: `AgreedFailure` with 74 if an answer cannot be written, with 75 if the job was
  ///   interrupted; `MPIError`.
  func answer(
    _ questionnaire: Questionnaire?, of context: RestoredContext, _ ownContexts: [OwnContext],
    tokenizer: Tokenizer?, sources: SourceFinder?, _ interruption: Interruption?
  ) throws {
    let session = context.session
    let loop = WorkLocation.within(stage: "decode") {
      AnswerLoop(session, contexts: ownContexts)
    }
    try job.onEveryRank {
      try questionnaire?.receiver.begin()
      for entry in questionnaire?.entries ?? [] { _ = try loop.submit(entry.question) }
    }
    let collector = questionnaire.map {
      AnswerCollector($0, tokenizer: tokenizer, display: display, sources: sources)
    }
    // The progress of a single answer is its text.
    if let questionnaire, settings.questions != nil {
      display.begin("answers", unit: "question", total: questionnaire.entries.count, tokens: 0)
    }
    let isWhole = try job.listening {
      try timeline.stage("decode") {
        try interruptibly(interruption) { try run(loop, collector, interruption) }
      }
    }
    display.end()
    if let warning = collector?.warning { warnings.add(warning) }
    if !isWhole {
      let cause = try job.interruptionName()
      try job.runOnRoot {
        throw questionnaire!.receiver.interrupted(by: cause, contextIn: context.path)
      }
    }
    // Many questions are read while others are answered.
    if settings.questions == nil, let first = collector?.firstLogits {
      clock.end(\.prompt, at: first)
    }
  }

  /// - Returns: whether all questions are answered.
  private func run(
    _ loop: AnswerLoop, _ collector: AnswerCollector?, _ interruption: Interruption?
  ) throws -> Bool {
    while true {
      if job.isRoot, let interruption {
        interruption.poll()
        if interruption.isRequested { loop.stop() }
      }
      let state = try loop.step(
        onLogits: { try collector!.receive(logits: $1, of: $0) },
        onSources: { collector!.receive($1, of: $0) },
        onToken: { try collector!.receive($1, of: $0) },
        onEnd: { try collector!.end($0, $1) })
      switch state {
      case .answering: continue
      case .idle: return true
      case .stopped: return false
      }
    }
  }
}
