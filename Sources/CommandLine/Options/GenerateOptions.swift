import ArgumentParser
import Kernels
import Logging
import RingAttention

/// What was said to `generate` in one place, on the command line or in a configuration file. An
/// option that was not given is nil (a flag false, a list empty), so that two
/// places can be merged; `GenerateSettings` has the defaults.
///
/// Options whose value may begin with a dash (texts, numbers) take whatever argument follows them.
package struct GenerateOptions: ParsableArguments, Sendable {
  @Option(
    name: GenerateOption.context.name,
    help: .init("The context: UTF-8 text; - is standard input.", valueName: "file"),
    transform: OptionValue.path)
  package var context: String?

  @Option(
    name: GenerateOption.tokenIds.name,
    help: .init(
      "The context as a JSON array of token ids, in place of --context.", valueName: "file"),
    transform: OptionValue.path)
  package var tokenIds: String?

  @Option(
    name: GenerateOption.resume.name,
    help: .init(
      """
      The context as --save has left it, in place of --context: nothing of it is computed again, \
      and a prefill that was interrupted goes on.
      """, valueName: "dir"),
    transform: OptionValue.path)
  package var resume: String?

  @Option(
    name: GenerateOption.save.name,
    help: .init(
      """
      Save the prefilled context in this new folder, which all hosts see; when the job is \
      interrupted, as far as it is.
      """, valueName: "dir"),
    transform: OptionValue.path)
  package var save: String?

  @Option(
    name: GenerateOption.checkpointEvery.name, parsing: .unconditional,
    help: .init(
      "With --save or --resume: save a prefill under way so often.", valueName: "minutes"),
    transform: OptionValue.minutes)
  package var checkpointEvery: Double?

  @Option(
    name: GenerateOption.prompt.name, parsing: .unconditional,
    help: .init("A text appended after the context.", valueName: "text"))
  package var prompt: String?

  @Option(
    name: GenerateOption.promptFile.name,
    help: .init(
      "A file with the text appended after the context, in place of --prompt.", valueName: "file"),
    transform: OptionValue.path)
  package var promptFile: String?

  @Option(
    name: GenerateOption.prompts.name,
    help: .init(
      """
      Many questions about one context, as JSON lines {"id": …, "prompt": …}; each may have \
      max_tokens, stop, seed, temperature, top_k, top_p, min_p, repetition_penalty, \
      presence_penalty and frequency_penalty of its own, and token_ids in place of prompt.
      """, valueName: "file"),
    transform: OptionValue.path)
  package var prompts: String?

  @Option(
    name: GenerateOption.answers.name,
    help: .init(
      """
      With --prompts: where each answer goes when it is done, one JSON line each. Answers that are \
      there already are not given again. (default: -, standard output)
      """, valueName: "file"),
    transform: OptionValue.path)
  package var answers: String?

  @Option(
    name: GenerateOption.batch.name, parsing: .unconditional,
    help: .init(
      "With --prompts: answer so many questions together, 1 to 64. (default: 16)", valueName: "n"),
    transform: OptionValue.integer(1...64))
  package var batch: Int?

  @Flag(
    name: GenerateOption.chat.name,
    help: """
      Put context and prompt as one message of a user into the model's chat template, which ends \
      where the answer begins.
      """)
  package var chat = false

  @Option(
    name: GenerateOption.system.name, parsing: .unconditional,
    help: .init("With --chat: the message of the system before the user's.", valueName: "text"))
  package var system: String?

  @Option(
    name: GenerateOption.templateVariable.name, parsing: .unconditionalSingleValue,
    help: .init(
      """
      With --chat: a variable of the chat template and its value as JSON, such as \
      enable_thinking=false; may be given several times.
      """, valueName: "name=json"),
    transform: TemplateVariable.init)
  package var templateVariables: [TemplateVariable] = []

  @Flag(
    name: GenerateOption.ignorePositionLimit.name,
    help: "Let a context through that is longer than the positions the model was made for.")
  package var ignorePositionLimit = false

  @Option(
    name: GenerateOption.model.name,
    help: .init(
      """
      A model directory in Hugging Face layout, a GGUF file, or ORG/NAME of a model in the local \
      Hugging Face cache; 'needle' is the built-in retrieval model. \
      (default: \(ModelSource.builtInName))
      """, valueName: "path"),
    transform: OptionValue.path)
  package var model: String?

  @Option(
    name: GenerateOption.tokenizer.name,
    help: .init(
      "A tokenizer.json in place of the model's own tokenizer.", valueName: "file"),
    transform: OptionValue.path)
  package var tokenizer: String?

  @Flag(
    name: GenerateOption.randomWeights.name,
    help: "Take only the model's configuration, with reproducible random weights.")
  package var randomWeights = false

  @Flag(
    name: GenerateOption.strict.name,
    help: "Refuse a model that has configuration keys that ringflash does not know.")
  package var strict = false

  @Option(
    name: GenerateOption.maxTokens.name, parsing: .unconditional,
    help: .init(
      "Generate at most so many tokens. (default: the model's, or 128)", valueName: "n"),
    transform: OptionValue.integer(0...Int(Int32.max)))
  package var maxTokens: Int?

  @Option(
    name: GenerateOption.stop.name, parsing: .unconditionalSingleValue,
    help: .init(
      "Stop before this text; may be given several times. (default: the model's)",
      valueName: "text"),
    transform: OptionValue.stopText)
  package var stop: [String] = []

  @Option(
    name: GenerateOption.temperature.name, parsing: .unconditional,
    help: .init(
      "Sampling temperature; 0 takes the likeliest token. (default: the model's, or 0)",
      valueName: "t"),
    transform: OptionValue.number(.temperature))
  package var temperature: Double?

  @Option(
    name: GenerateOption.topK.name, parsing: .unconditional,
    help: .init(
      "Sample among the k likeliest tokens; 0 is all. (default: the model's, or 0)",
      valueName: "k"),
    transform: OptionValue.integer(0...Int(Int32.max)))
  package var topK: Int?

  @Option(
    name: GenerateOption.topP.name, parsing: .unconditional,
    help: .init(
      """
      Sample among the likeliest tokens that together have probability p. \
      (default: the model's, or 1)
      """, valueName: "p"),
    transform: OptionValue.number(.topP))
  package var topP: Double?

  @Option(
    name: GenerateOption.minP.name, parsing: .unconditional,
    help: .init(
      """
      Sample among the tokens that have at least this part of the likeliest one's probability. \
      (default: the model's, or 0)
      """, valueName: "p"),
    transform: OptionValue.number(.minP))
  package var minP: Double?

  @Option(
    name: GenerateOption.repetitionPenalty.name, parsing: .unconditional,
    help: .init(
      """
      Divide positive logits of all tokens so far by this, and multiply negative ones. \
      (default: the model's, or 1)
      """, valueName: "r"),
    transform: OptionValue.number(.repetitionPenalty))
  package var repetitionPenalty: Double?

  @Option(
    name: GenerateOption.presencePenalty.name, parsing: .unconditional,
    help: .init(
      "Take this from the logits of all tokens of the answer so far, -2 to 2. (default: 0)",
      valueName: "x"),
    transform: OptionValue.number(.occurrencePenalty))
  package var presencePenalty: Double?

  @Option(
    name: GenerateOption.frequencyPenalty.name, parsing: .unconditional,
    help: .init(
      """
      The same, as many times as each of them stands in the answer so far, -2 to 2. (default: 0)
      """, valueName: "x"),
    transform: OptionValue.number(.occurrencePenalty))
  package var frequencyPenalty: Double?

  @Option(
    name: GenerateOption.seed.name, parsing: .unconditional,
    help: .init("Seed of the sampler. (default: 0)", valueName: "n"),
    transform: OptionValue.seed)
  package var seed: UInt64?

  @Option(
    name: GenerateOption.precision.name, parsing: .unconditional,
    help: .init("Type of K, V and matrix inputs: bf16 or fp32. (default: bf16)", valueName: "type"),
    transform: OptionValue.choice(Precision.self))
  package var precision: Precision?

  @Option(
    name: GenerateOption.threads.name, parsing: .unconditional,
    help: .init(
      "Threads of each rank, 1 to 1024. (default: its share of the host's cores)", valueName: "n"),
    transform: OptionValue.integer(1...1024))
  package var threads: Int?

  @Option(
    name: GenerateOption.partition.name, parsing: .unconditional,
    help: .init(
      """
      How the sequence is divided among the ranks: zigzag, contiguous or striped. \
      (default: zigzag)
      """, valueName: "kind"),
    transform: OptionValue.choice(PartitionKind.self))
  package var partition: PartitionKind?

  @Option(
    name: GenerateOption.stallTimeout.name, parsing: .unconditional,
    help: .init(
      """
      End the job when a rank has given no sign of life for so many seconds, 1 to 1000000. \
      (default: \(GenerateSettings.defaultStallTimeout))
      """, valueName: "seconds"),
    transform: OptionValue.integer(1...1_000_000))
  package var stallTimeout: Int?

  @Option(
    help: .init(
      "A YAML file with any of these options; one given here wins.", valueName: "file"),
    transform: OptionValue.path)
  package var config: String?

  @Flag(
    name: GenerateOption.json.name,
    help: "Write one JSON object to standard output instead of the text.")
  package var json = false

  @Option(
    name: GenerateOption.report.name,
    help: .init("Write the run record to this file, as JSON.", valueName: "file"),
    transform: OptionValue.path)
  package var report: String?

  @Option(
    name: GenerateOption.logits.name,
    help: .init(
      """
      Write the float32 logits from which each token is chosen to this file, as safetensors: of \
      the last position before the answer, then of each token of it but the last.
      """, valueName: "file"),
    transform: OptionValue.path)
  package var logits: String?

  @Flag(
    name: GenerateOption.logitsAll.name,
    help: "With --logits: write every position of the context as well.")
  package var logitsAll = false

  @Option(
    name: GenerateOption.trace.name,
    help: .init(
      "Write a timeline of every rank to this file; it opens in Perfetto.", valueName: "file"),
    transform: OptionValue.path)
  package var trace: String?

  @Flag(name: GenerateOption.quiet.name, help: "Show no progress and no summary.")
  package var quiet = false

  @Option(
    name: GenerateOption.logLevel.name, parsing: .unconditional,
    help: .init(
      """
      Least serious messages to log: trace, debug, info, notice, warning, error or critical. \
      (default: warning)
      """, valueName: "level"),
    transform: OptionValue.choice(Logger.Level.self))
  package var logLevel: Logger.Level?

  package init() {}
}
