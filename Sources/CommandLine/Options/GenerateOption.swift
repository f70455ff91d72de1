import ArgumentParser

/// The options of `generate` that a configuration file may hold. The raw value is both the long
/// option and the YAML key, so the two cannot differ.
package enum GenerateOption: String, CaseIterable, Sendable {
  case context
  case tokenIds = "token-ids"
  case messages
  case resume
  case append
  case appendTokenIds = "append-token-ids"
  case passed
  case save
  case cache
  case cacheSize = "cache-size"
  case checkpointEvery = "checkpoint-every"
  case prompt
  case promptFile = "prompt-file"
  case prompts
  case answers
  case batch
  case chat
  case system
  case templateVariable = "template-variable"
  case ignorePositionLimit = "ignore-position-limit"
  case model
  case tokenizer
  case randomWeights = "random-weights"
  case strict
  case maxTokens = "max-tokens"
  case stop
  case temperature
  case topK = "top-k"
  case topP = "top-p"
  case minP = "min-p"
  case repetitionPenalty = "repetition-penalty"
  case presencePenalty = "presence-penalty"
  case frequencyPenalty = "frequency-penalty"
  case seed
  case precision
  case weightsAs = "weights-as"
  case kvCache = "kv-cache"
  case divideWeights = "divide-weights"
  case threads
  case partition
  case stallTimeout = "stall-timeout"
  case json
  case report
  case logits
  case logitsAll = "logits-all"
  case trace
  case sources
  case sourcesHTML = "sources-html"
  case quiet
  case logLevel = "log-level"

  /// What a value looks like in YAML. Ranges are not checked here but where the option is declared.
  enum Kind {
    case text
    /// A text that YAML takes for a truth value, too: `on`.
    case switchWord
    case texts
    case integer
    case number
    case flag
  }

  var kind: Kind {
    switch self {
    case .context, .tokenIds, .messages, .resume, .save, .cache, .prompt, .promptFile, .prompts,
      .answers, .system,
      .model, .tokenizer, .precision, .weightsAs, .kvCache, .partition, .passed, .report, .logits,
      .trace, .sourcesHTML, .logLevel:
      .text
    case .divideWeights: .switchWord
    case .append, .appendTokenIds, .stop, .templateVariable: .texts
    case .batch, .maxTokens, .topK, .seed, .threads, .stallTimeout, .sources: .integer
    case .checkpointEvery, .cacheSize, .temperature, .topP, .minP, .repetitionPenalty,
      .presencePenalty,
      .frequencyPenalty:
      .number
    case .chat, .ignorePositionLimit, .randomWeights, .strict, .json, .logitsAll, .quiet:
      .flag
    }
  }

  /// The name as the argument parser wants it.
  var name: NameSpecification { .customLong(rawValue) }
}
