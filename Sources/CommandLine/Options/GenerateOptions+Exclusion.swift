import Ranks

extension GenerateOptions {
  /// Two options of one place that exclude each other, or nil if there are none.
  var exclusion: Failure? {
    let contexts = [
      (GenerateOption.context, self.context), (.tokenIds, self.tokenIds), (.messages, messages),
    ].filter { $0.1 != nil }
    if contexts.count > 1 { return Self.exclusion(contexts[0].0, contexts[1].0) }
    if resume != nil, let failure = exclusionByResume { return failure }
    if !append.isEmpty && !appendTokenIds.isEmpty {
      return Failure(
        .usage, "--append and --append-token-ids exclude each other, give one kind of them")
    }
    let asked = [
      (GenerateOption.prompt, prompt), (.promptFile, promptFile), (.prompts, prompts),
    ].filter { $0.1 != nil }
    if asked.count > 1 { return Self.exclusion(asked[0].0, asked[1].0) }
    return exclusionByMessages ?? exclusionByCache
  }

  private static func exclusion(_ first: GenerateOption, _ second: GenerateOption) -> Failure {
    Failure(
      .usage,
      "--\(first.rawValue) and --\(second.rawValue) exclude each other, give one of them")
  }

  private static func exclusion(
    by name: GenerateOption, _ reasons: [(option: GenerateOption, isGiven: Bool, reason: String)]
  ) -> Failure? {
    guard let (option, _, reason) = reasons.first(where: { $0.isGiven }) else { return nil }
    return Failure(
      .usage,
      "--\(option.rawValue) and --\(name.rawValue) exclude each other: \(reason); leave one out")
  }

  /// An option that says what a conversation says itself.
  private var exclusionByMessages: Failure? {
    guard messages != nil else { return nil }
    let question = "the question is the last of the messages"
    return Self.exclusion(
      by: .messages,
      [
        (.prompt, prompt != nil, question), (.promptFile, promptFile != nil, question),
        (.prompts, prompts != nil, question),
        (.system, system != nil, "the system's message is the first of the messages"),
      ])
  }

  /// An option that says otherwise where the context is found or saved.
  private var exclusionByCache: Failure? {
    guard cache != nil else {
      return cacheSize == nil
        ? nil : Failure(.usage, "--cache-size is of a cache, give --cache DIR with it")
    }
    return Self.exclusion(
      by: .cache,
      [
        (.resume, resume != nil, "the cache finds what is saved"),
        (.save, save != nil, "the cache saves the context in a folder of its own"),
        (.logitsAll, logitsAll, "of what the cache has no logits are computed"),
      ])
  }

  /// An option that says what a saved context says itself.
  private var exclusionByResume: Failure? {
    let context = "the context is in the saved one"
    return Self.exclusion(
      by: .resume,
      [
        (.context, self.context != nil, context), (.tokenIds, self.tokenIds != nil, context),
        (.messages, messages != nil, context),
        (.chat, chat, "the saved context says whether it is a chat's"),
        (.system, system != nil, "the saved context has the system's message"),
        (
          .templateVariable, !templateVariables.isEmpty,
          "the saved context has the template's variables"
        ),
        (.logitsAll, logitsAll, "a saved context keeps the activations of its last position only"),
      ])
  }

  /// Whether something goes on behind a saved context.
  var extendsSavedContext: Bool { !append.isEmpty || !appendTokenIds.isEmpty }
}
