import Reporting

/// What `tokenize` says with `--json`.
struct TokenReport: Encodable {
  struct Tokens: Encodable {
    let context: Int
    let prompt: Int
  }

  /// Context and prompt, with `--chat` as the template renders them.
  let text: String
  let tokenIDs: [Int32]
  let count: Int
  let tokens: Tokens

  enum CodingKeys: String, CodingKey {
    case text, count, tokens
    case tokenIDs = "token_ids"
  }

  /// Reads the texts as `generate` does, tokenizes them, and writes what the command asks for.
  ///
  /// - Throws: `Failure`, `FileError`, `TokenizerError`, `ChatTemplateError`, `JSONError`; 74 if
  ///   standard output cannot be written.
  static func run(_ command: TokenizeCommand) throws {
    let options = try command.generateOptions()
    let source = try ModelSource(command.model).located()
    let texts: InputTexts
    if command.context != nil {
      var settings = try GenerateSettings(options)
      settings.model = source
      texts = try InputTexts(settings, nil)
    } else {
      texts = InputTexts(try QuestionText(GenerateSettings.Prompt(options)))
    }
    let outlined = try OutlinedModel(
      source, precision: .bf16, tokenizerPath: command.tokenizer, weights: { _ in .none })
    let input = try TokenizedInput(
      texts, outlined, display: ProgressDisplay(style: .standardError))
    for warning in texts.warnings { StandardError.write("ringflash: warning: \(warning)\n") }
    if command.chat && !command.json { StandardError.write(texts.text + "\n") }
    try TokenReport(texts, input).write(command)
  }

  private init(_ texts: InputTexts, _ input: TokenizedInput) {
    text = texts.text
    tokens = Tokens(context: input.context.count, prompt: input.prompts[0].count)
    tokenIDs = input.context + input.prompts[0]
    count = tokenIDs.count
  }

  private func write(_ command: TokenizeCommand) throws {
    if command.count { return try StandardOutput.write("\(count)\n") }
    if command.json { return try StandardOutput.write([UInt8](lineOfJSON(self))) }
    // An encoder would take hundreds of bytes for each id.
    var json = "["
    for (index, id) in tokenIDs.enumerated() { json += index == 0 ? "\(id)" : ",\(id)" }
    try StandardOutput.write(json + "]\n")
  }
}
