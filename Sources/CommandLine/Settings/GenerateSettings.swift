import ContextFiles
import Inference
import Kernels
import Logging
import Ranks
import RingAttention

/// All that `generate` was told, by the command line and the configuration file together, with the
/// defaults filled in that depend on no model and no machine. Rank 0 makes it and broadcasts it.
package struct GenerateSettings: Codable, Equatable, Sendable {
  /// Of `--stall-timeout`, in seconds: longer than a pause of a file system or a switch.
  package static let defaultStallTimeout = 300
  /// Of `--cache-size`: eight contexts of 100,000 tokens of a model of 8 billion parameters.
  package static let defaultCacheGigabytes = 100.0

  /// Where the context comes from; the path `-` is standard input.
  package enum Context: Codable, Equatable, Sendable {
    case text(path: String)
    case tokenIds(path: String)
    /// A conversation.
    case messages(path: String)
    /// A folder that `--save` has left.
    case saved(path: String)
  }

  /// What goes on behind a saved context; the path `-` is standard input.
  package enum Appended: Codable, Equatable, Sendable {
    case text(path: String)
    case tokenIds(path: String)
  }

  /// What is appended after the context.
  package enum Prompt: Codable, Equatable, Sendable {
    case text(String)
    case file(path: String)
  }

  package var context: Context
  /// What is prefilled behind a saved context, in this order; nothing behind another.
  package var appended: [Appended]
  /// What of it goes round the ranks; nil for what is fewer bytes.
  package var passed: PassedOperand?
  /// What the saved context says of itself.
  package var restored: ContextManifest?
  /// The folder in which to save the context.
  package var save: String?
  /// Where the context is looked for and saved.
  package var cache: ContextCache?
  package var checkpointMinutes: Double?
  package var prompt: Prompt?
  /// In place of a prompt.
  package var questions: QuestionSettings?
  /// Whether context and prompt are a user's message in the model's chat template.
  package var chat: Bool
  /// The system's message before it.
  package var system: String?
  /// What else the chat template is told, each name once.
  package var templateVariables: [TemplateVariable]
  package var ignorePositionLimit: Bool
  /// As it was given; once resolved, located.
  package var model: ModelSource
  /// A `tokenizer.json` in place of the model's own tokenizer.
  package var tokenizer: String?
  package var randomWeights: Bool
  /// Whether keys of a configuration that nobody knows are an error.
  package var strict: Bool
  package var generation: GenerationChoices
  package var numerics: Numerics
  package var divideWeights: WeightDividing
  /// Nil is the rank's share of the cores it may use.
  package var threads: Int?
  package var partition: PartitionKind
  /// Seconds that a rank may be silent.
  package var stallTimeout: Int
  package var json: Bool
  package var report: String?
  package var logits: String?
  package var logitsAll: Bool
  package var trace: String?
  /// Nil where nobody asks where an answer comes from.
  package var sources: SourceSettings?
  package var quiet: Bool
  package var logLevel: Logger.Level

  /// Reads the configuration file that `flags` name, if any, and fills in from it what they leave
  /// open. A context to resume says itself with which model and in which types it goes on. Then
  /// looks where the model is.
  ///
  /// - Parameter other: what else the run reads, and what messages call it.
  /// - Throws: `Failure`, `FileError`.
  package static func resolve(
    _ flags: GenerateOptions, reading other: (path: String, role: String)? = nil
  ) throws -> GenerateSettings {
    var options = flags
    if let path = flags.config {
      options = flags.filled(from: try ConfigurationFile.options(path: path))
    }
    var settings = try GenerateSettings(options)
    if case .saved(let path) = settings.context {
      try settings.fillIn(from: ContextDirectory(path: path), options)
    }
    settings.model = try settings.model.located()
    try settings.checkFiles(configuration: flags.config, other)
    return settings
  }

  /// - Throws: 64 if an option is missing or two do not go together.
  package init(_ options: GenerateOptions) throws(Failure) {
    if let failure = options.exclusion { throw failure }
    if let path = options.context {
      context = .text(path: path)
    } else if let path = options.tokenIds {
      context = .tokenIds(path: path)
    } else if let path = options.messages {
      context = .messages(path: path)
    } else if let path = options.resume {
      context = .saved(path: path)
    } else {
      throw Failure(
        .usage,
        """
        no context, give --context FILE, --token-ids FILE, --messages FILE or --resume DIR (see \
        'ringflash generate --help')
        """)
    }
    appended =
      options.append.map { .text(path: $0) } + options.appendTokenIds.map { .tokenIds(path: $0) }
    if !appended.isEmpty && options.resume == nil {
      throw Failure(
        .usage, "--append goes on behind a saved context, give --resume DIR with it")
    }
    if options.resume != nil, options.save != nil, appended.isEmpty {
      throw Failure(
        .usage,
        """
        --save and --resume exclude each other without --append: what is resumed is saved where it is; \
        leave one out
        """)
    }
    if options.passed != nil && appended.isEmpty {
      throw Failure(
        .usage,
        "--passed is for what is added to a saved context, give --resume and --append with it")
    }
    passed = options.passed
    if options.logitsAll && options.logits == nil {
      throw Failure(
        .usage, "--logits-all needs --logits FILE to write to (see 'ringflash generate --help')")
    }
    if options.checkpointEvery != nil, options.save == nil, options.cache == nil,
      options.resume == nil || !appended.isEmpty
    {
      throw Failure(
        .usage, "--checkpoint-every needs a folder to save in, give --save DIR with it")
    }
    if options.chat, options.context == nil, options.messages == nil {
      throw Failure(
        .usage, "--chat needs the context as text, give --context FILE in place of --token-ids")
    }
    if options.system != nil && !options.chat {
      throw Failure(
        .usage, "--system has a place only in a chat template, give --chat with it")
    }
    if let name = options.templateVariables.repeatedName {
      throw Failure(.usage, "--template-variable gives '\(name)' twice, keep one")
    }
    if !options.templateVariables.isEmpty && !options.chat && options.messages == nil {
      throw Failure(
        .usage, "--template-variable has a place only in a chat template, give --chat with it")
    }
    let inputs =
      [
        options.config, options.context, options.tokenIds, options.messages, options.promptFile,
        options.prompts,
      ] + options.append + options.appendTokenIds
    if inputs.count(where: { $0 == "-" }) > 1 {
      throw Failure(.usage, "standard input (-) can be read only once, give a file for the other")
    }
    save = options.save
    cache = options.cache.map {
      ContextCache(
        path: $0, mostBytes: Int((options.cacheSize ?? Self.defaultCacheGigabytes) * 1e9))
    }
    checkpointMinutes = options.checkpointEvery
    questions = try QuestionSettings(options)
    prompt = Prompt(options)
    chat = options.chat
    system = options.system
    templateVariables = options.templateVariables
    ignorePositionLimit = options.ignorePositionLimit
    model = options.model.map { ModelSource($0) } ?? .standard
    tokenizer = options.tokenizer
    randomWeights = options.randomWeights
    strict = options.strict
    if randomWeights, model.isBuiltIn { throw Self.builtInWeights }
    generation = GenerationChoices(
      maxTokens: options.maxTokens, stopTexts: options.stop.isEmpty ? nil : options.stop,
      sampling: SamplingChoices(options))
    numerics = try Numerics(
      precision: options.precision, weightsAs: options.weightsAs, keyValueCache: options.kvCache)
    divideWeights = options.divideWeights ?? .auto
    threads = options.threads
    partition = options.partition ?? .zigzag
    stallTimeout = options.stallTimeout ?? Self.defaultStallTimeout
    json = options.json
    report = options.report
    logits = options.logits
    logitsAll = options.logitsAll
    trace = options.trace
    sources = try SourceSettings(options)
    quiet = options.quiet
    logLevel = options.logLevel ?? .warning
  }

  /// The folder that the run goes on with or saves in; nil for none, or one of a cache. A context that is
  /// extended is only read.
  var contextFolder: String? {
    if case .saved(let path) = context, appended.isEmpty { path } else { save }
  }

  static let builtInWeights = Failure(
    .usage, "--random-weights needs --model PATH: the built-in models have weights of their own")
}

extension SamplingChoices {
  fileprivate init(_ options: GenerateOptions) {
    self.init(
      temperature: options.temperature, topK: options.topK, topP: options.topP,
      minP: options.minP, seed: options.seed)
    repetitionPenalty = options.repetitionPenalty
    presencePenalty = options.presencePenalty
    frequencyPenalty = options.frequencyPenalty
  }
}

extension GenerateSettings.Prompt {
  /// Nil where there is none.
  init?(_ options: GenerateOptions) {
    if let text = options.prompt {
      self = .text(text)
    } else if let path = options.promptFile {
      self = .file(path: path)
    } else {
      return nil
    }
  }
}
