import ArgumentParser
import RingAttention

/// What was said to `generate` in one place, on the command line or in a configuration file. An
/// option that was not given is nil (a flag false, a list empty), so that two
/// places can be merged; `GenerateSettings` has the defaults.
///
/// Options whose value may begin with a dash (texts, numbers) take whatever argument follows them.
@dynamicMemberLookup
package struct GenerateOptions: ParsableArguments, Sendable {
  @OptionGroup package var inputOptions: InputOptions

  @Option(
    name: GenerateOption.messages.name,
    help: .init(
      """
      The context as a conversation, a JSON array of messages {"role": …, "content": …}, in place of \
      --context: the model's chat template renders it, and the answer to its last message follows.
      """, valueName: "file"),
    transform: OptionValue.path)
  package var messages: String?

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
    name: GenerateOption.append.name,
    help: .init(
      """
      With --resume: UTF-8 text that goes on behind the saved context and is prefilled as it was; may be \
      given several times. With --save, the whole is saved in a folder of its own.
      """, valueName: "file"),
    transform: OptionValue.path)
  package var append: [String] = []

  @Option(
    name: GenerateOption.appendTokenIds.name,
    help: .init(
      "The same as a JSON array of token ids, in place of --append.", valueName: "file"),
    transform: OptionValue.path)
  package var appendTokenIds: [String] = []

  @Option(
    name: GenerateOption.passed.name,
    help: .init(
      """
      With --append: what goes round the ranks, queries or keys-and-values; the result is the same. \
      (default: what is fewer bytes, layer by layer)
      """, valueName: "what"),
    transform: OptionValue.choice(PassedOperand.self))
  package var passed: PassedOperand?

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
    name: GenerateOption.cache.name,
    help: .init(
      """
      A folder, which all hosts see, of contexts of earlier runs: the longest beginning of this one that \
      is there is not computed again, and the whole is saved there.
      """, valueName: "dir"),
    transform: OptionValue.path)
  package var cache: String?

  @Option(
    name: GenerateOption.cacheSize.name, parsing: .unconditional,
    help: .init(
      """
      With --cache: keep it below so many GB; what was not used for longest goes. (default: \
      \(GenerateSettings.defaultCacheGigabytes))
      """, valueName: "gb"),
    transform: OptionValue.gigabytes)
  package var cacheSize: Double?

  @Option(
    name: GenerateOption.checkpointEvery.name, parsing: .unconditional,
    help: .init(
      "With --save, --resume or --cache: save a prefill under way so often.", valueName: "minutes"),
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
      presence_penalty and frequency_penalty of its own, token_ids in place of prompt, and a \
      context of its own that goes on behind the common one: "context": {"text": …}, {"file": …}, \
      {"token_ids": …} or {"saved": …}.
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

  @OptionGroup package var modelOptions: ModelOptions

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

  @OptionGroup package var computingOptions: ComputingOptions

  @Option(
    help: .init(
      "A YAML file with any of these options; one given here wins.", valueName: "file"),
    transform: OptionValue.path)
  package var config: String?

  @OptionGroup package var outputOptions: OutputOptions

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

  @OptionGroup package var sourceOptions: SourceOptions

  package init() {}
}
