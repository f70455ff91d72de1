extension GenerateOptions {
  /// These options, and where one was not given, that of `other`.
  ///
  /// `--context`, `--token-ids`, `--messages` and `--resume` are ways to say one thing, as are `--save` and
  /// `--cache`, and `--prompt`, `--prompt-file` and `--prompts`: one given here replaces the other given
  /// there, and what belongs to it. `--resume` given here replaces also how the context there would be
  /// rendered and saved.
  package func filled(from other: GenerateOptions) -> GenerateOptions {
    var merged = self
    if !hasContext {
      merged.context = other.context
      merged.tokenIds = other.tokenIds
      merged.messages = other.messages
      merged.resume = other.resume
    }
    // What is added there is added to the context there, if it has one.
    if !extendsSavedContext, !hasContext || !other.hasContext {
      merged.append = other.append
      merged.appendTokenIds = other.appendTokenIds
    }
    // What a saved context says of itself is not said otherwise by the other place.
    let saysItself = resume != nil
    merged.passed = passed ?? other.passed
    if cache == nil {
      merged.save = save ?? (saysItself && !merged.extendsSavedContext ? nil : other.save)
    }
    if save == nil && !saysItself {
      merged.cache = cache ?? other.cache
      merged.cacheSize = cacheSize ?? other.cacheSize
    }
    merged.checkpointEvery = checkpointEvery ?? other.checkpointEvery
    if prompt == nil && promptFile == nil && prompts == nil && messages == nil {
      merged.prompt = other.prompt
      merged.promptFile = other.promptFile
      merged.prompts = other.prompts
    }
    if prompt == nil && promptFile == nil && messages == nil {
      merged.answers = answers ?? other.answers
      merged.batch = batch ?? other.batch
    }
    merged.chat = chat || !saysItself && other.chat
    merged.system = system ?? (saysItself || messages != nil ? nil : other.system)
    if !saysItself {
      merged.templateVariables = templateVariables.filled(from: other.templateVariables)
    }
    merged.ignorePositionLimit = self.ignorePositionLimit || other.ignorePositionLimit
    merged.model = self.model ?? other.model
    merged.tokenizer = self.tokenizer ?? other.tokenizer
    merged.randomWeights = self.randomWeights || other.randomWeights
    merged.strict = self.strict || other.strict
    merged.maxTokens = maxTokens ?? other.maxTokens
    merged.stop = stop.isEmpty ? other.stop : stop
    merged.temperature = temperature ?? other.temperature
    merged.topK = topK ?? other.topK
    merged.topP = topP ?? other.topP
    merged.minP = minP ?? other.minP
    merged.repetitionPenalty = repetitionPenalty ?? other.repetitionPenalty
    merged.presencePenalty = presencePenalty ?? other.presencePenalty
    merged.frequencyPenalty = frequencyPenalty ?? other.frequencyPenalty
    merged.seed = seed ?? other.seed
    merged.precision = self.precision ?? other.precision
    merged.weightsAs = self.weightsAs ?? other.weightsAs
    merged.kvCache = self.kvCache ?? other.kvCache
    merged.divideWeights = self.divideWeights ?? other.divideWeights
    merged.threads = self.threads ?? other.threads
    merged.partition = self.partition ?? other.partition
    merged.stallTimeout = self.stallTimeout ?? other.stallTimeout
    merged.json = self.json || other.json
    merged.report = self.report ?? other.report
    merged.logits = logits ?? other.logits
    merged.logitsAll = logitsAll || other.logitsAll
    merged.trace = trace ?? other.trace
    merged.sources = self.sources ?? other.sources
    merged.sourcesHTML = self.sourcesHTML ?? other.sourcesHTML
    merged.quiet = self.quiet || other.quiet
    merged.logLevel = self.logLevel ?? other.logLevel
    return merged
  }

  private var hasContext: Bool {
    self.context != nil || self.tokenIds != nil || messages != nil || resume != nil
  }
}
