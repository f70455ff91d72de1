import Ranks

extension GenerateOptions {
  /// Two options of one place that exclude each other, or nil if there are none.
  var exclusion: Failure? {
    if self.context != nil && self.tokenIds != nil {
      return Failure(.usage, "--context and --token-ids exclude each other, give one of them")
    }
    if resume != nil, let failure = exclusionByResume { return failure }
    if !append.isEmpty && !appendTokenIds.isEmpty {
      return Failure(
        .usage, "--append and --append-token-ids exclude each other, give one kind of them")
    }
    let asked = [
      (GenerateOption.prompt, prompt), (.promptFile, promptFile), (.prompts, prompts),
    ].filter { $0.1 != nil }
    if asked.count > 1 {
      return Failure(
        .usage,
        "--\(asked[0].0.rawValue) and --\(asked[1].0.rawValue) exclude each other, give one of them"
      )
    }
    return nil
  }

  /// An option that says what a saved context says itself.
  private var exclusionByResume: Failure? {
    let reasons: [(GenerateOption, Bool, String)] = [
      (.context, self.context != nil, "the context is in the saved one"),
      (.tokenIds, self.tokenIds != nil, "the context is in the saved one"),
      (.chat, chat, "the saved context says whether it is a chat's"),
      (.system, system != nil, "the saved context has the system's message"),
      (
        .templateVariable, !templateVariables.isEmpty,
        "the saved context has the template's variables"
      ),
      (.logitsAll, logitsAll, "a saved context keeps the activations of its last position only"),
    ]
    guard let (option, _, reason) = reasons.first(where: { $0.1 }) else { return nil }
    return Failure(
      .usage, "--\(option.rawValue) and --resume exclude each other: \(reason); leave one out")
  }

  /// Whether something goes on behind a saved context.
  var extendsSavedContext: Bool { !append.isEmpty || !appendTokenIds.isEmpty }
}
