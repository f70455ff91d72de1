import ArgumentParser

/// `ringflash tokenize`: a text as the token ids that `generate` makes of it.
package struct TokenizeCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "tokenize",
    abstract: "Write the token ids that 'generate' makes of a context and a prompt.",
    discussion: """
      The ids are on standard output, as a JSON array that --token-ids reads: those of the context, \
      with what the model expects at the beginning of a sequence, and behind them those of the \
      prompt. A prompt without a context is tokenized as it stands behind one. With --chat, the \
      rendered text is on standard error.

      Examples:
        ringflash tokenize --model models/SmolLM3-3B --context book.txt >ids.json
        ringflash tokenize --model models/SmolLM3-3B --context book.txt --count
        ringflash tokenize --model models/Qwen3-4B --context book.txt --prompt 'Who is it?' --chat \
      --template-variable enable_thinking=false --json
      """)

  @Option(
    help: .init("The context: UTF-8 text; - is standard input.", valueName: "file"),
    transform: OptionValue.path)
  package var context: String?

  @Option(
    parsing: .unconditional, help: .init("A text appended after the context.", valueName: "text"))
  package var prompt: String?

  @Option(
    help: .init(
      "A file with the text appended after the context, in place of --prompt.", valueName: "file"),
    transform: OptionValue.path)
  package var promptFile: String?

  @Option(
    help: .init(
      """
      A model directory in Hugging Face layout, of which config.json and the tokenizer's files are \
      enough, a GGUF file, or ORG/NAME of a model in the local Hugging Face cache; \
      \(ModelSource.builtInHelp). (default: \(ModelSource.standardName))
      """, valueName: "path"),
    transform: OptionValue.path)
  package var model: String = ModelSource.standardName

  @Option(
    help: .init("A tokenizer.json in place of the model's own tokenizer.", valueName: "file"),
    transform: OptionValue.path)
  package var tokenizer: String?

  @Flag(help: "Put context and prompt as one message of a user into the model's chat template.")
  package var chat = false

  @Option(
    parsing: .unconditional,
    help: .init("With --chat: the message of the system before the user's.", valueName: "text"))
  package var system: String?

  @Option(
    name: .customLong("template-variable"), parsing: .unconditionalSingleValue,
    help: .init(
      """
      With --chat: a variable of the chat template and its value as JSON; may be given several \
      times.
      """, valueName: "name=json"),
    transform: TemplateVariable.init)
  package var templateVariables: [TemplateVariable] = []

  @Flag(help: "Write only how many ids there are.")
  package var count = false

  @Flag(
    help: """
      Write one JSON object with the text, the ids, and how many of them the context and the prompt \
      have.
      """)
  package var json = false

  package init() {}

  var parsed: ParsedCommand { .tokenize(self) }

  package func validate() throws {
    if count && json {
      throw ValidationError("--count and --json exclude each other, give one of them")
    }
    if context == nil && prompt == nil && promptFile == nil {
      throw ValidationError("no text, give --context FILE, --prompt TEXT or --prompt-file FILE")
    }
    if context == nil && chat {
      throw ValidationError("--chat needs what the user says, give --context FILE")
    }
    var options = try generateOptions()
    options.context = context ?? "none"
    do {
      _ = try GenerateSettings(options)
    } catch {
      throw ValidationError(error.sentence)
    }
  }

  /// What `generate` is told where it reads the same texts.
  func generateOptions() throws -> GenerateOptions {
    var options = try GenerateOptions.parse([])
    options.context = context
    options.prompt = prompt
    options.promptFile = promptFile
    options.model = model
    options.tokenizer = tokenizer
    options.chat = chat
    options.system = system
    options.templateVariables = templateVariables
    return options
  }
}
