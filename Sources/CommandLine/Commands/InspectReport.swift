import ContextFiles
import Foundation
import Inference
import Kernels
import ModelFiles
import Ranks
import Reporting
import Transformer

/// `inspect`: what a model is, how large, and what a run with it would need.
struct InspectReport: Codable, CommandReport {
  let model: String
  let modelType: String
  let parameters: Int
  /// How many of the parameters are stored in which type.
  let storedTypes: [String: Int]
  /// What of the files is used, by type.
  let storage: [String: StoredAmount]
  /// Where the weights come from.
  let weights: WeightPlan.Origin
  /// Of weights on each host, mapped or in memory, for this precision.
  let weightBytes: Int
  /// How weights that are not there are taken to be stored, and why; null where they are there.
  let assumedWeights: String?
  let layers: Int
  let slidingWindowLayers: Int
  let ropeLayers: Int
  let hiddenSize: Int
  let intermediateSize: Int
  let queryHeads: Int
  let keyValueHeads: Int
  let headDimension: Int
  let vocabularySize: Int
  let maximumPositions: Int
  /// The layers' different rotations, in the order of their first layers.
  let ropes: [Rotation]
  let tiedEmbeddings: Bool
  let activation: GatedActivation
  let attentionBias: Bool
  let mlpBias: Bool
  let headNorms: Bool
  let outputNorms: Bool
  /// Null where there is none.
  let scoreSoftCap: Double?
  let logitSoftCap: Double?
  /// The type of K, V and matrix inputs.
  let precision: String
  /// The type of keys and values.
  let kvCache: String
  /// In that type, of all layers.
  let kvBytesPerToken: Int
  let hasTokenizer: Bool
  /// What a reader of its answers ought to know.
  let warnings: [String]
  /// Null unless asked for.
  let memory: MemoryEstimate?

  /// One of the layers' rotations.
  struct Rotation: Codable {
    let theta: Double
    /// As `rope_type` calls it.
    let scaling: String
    /// Coordinates of a head that are rotated.
    let rotaryDimension: Int
  }

  /// - Parameter jobRanks: the ranks of this job.
  static func run(_ command: InspectCommand, jobRanks: Int) throws {
    let directory = ContextDirectory(path: command.model)
    if directory.isBegun { return try ContextReport.run(command, directory) }
    if command.verify {
      // Says what is missing.
      _ = try directory.manifest()
    }
    let source = ModelSource(command.model)
    if command.randomWeights, source == .builtIn {
      throw GenerateSettings.builtInWeights
    }
    let outlined = try OutlinedModel(
      source.located(), precision: command.precision, strict: command.strict,
      weights: {
        command.randomWeights ? .random : try $0.tensorPresence() == .all ? .files : .none
      })
    let report = InspectReport(outlined, command, memory: try memory(outlined, command, jobRanks))
    try report.write(asJSON: command.json)
  }

  private static func memory(
    _ outlined: OutlinedModel, _ command: InspectCommand, _ jobRanks: Int
  ) throws -> MemoryEstimate? {
    guard let tokens = command.tokens else { return nil }
    let ranks = command.ranks ?? jobRanks
    let arithmetic = Arithmetic(
      try command.numerics(),
      instructionSet: try InstructionSet.selected(environment: ProcessInfo.processInfo.environment),
      team: ThreadTeam(threads: max(1, HostResources.allowedCores().count / ranks)))
    let maxTokens = GenerationParameters(
      flags: GenerationChoices(maxTokens: command.maxTokens),
      model: try GenerationChoices(suggestedBy: outlined.outline)
    ).maxTokens
    return MemoryEstimate(
      outlined.outline, arithmetic,
      SequenceDescription(
        partition: command.partition, contextTokens: tokens, maximumAppended: maxTokens),
      ranks: ranks)
  }

  private init(_ outlined: OutlinedModel, _ command: InspectCommand, memory: MemoryEstimate?) {
    let configuration = outlined.outline.configuration
    let plan = outlined.outline.weights
    model = outlined.outline.name
    modelType = configuration.modelType
    parameters = plan.parameters
    storedTypes = plan.storage.mapValues(\.parameters)
    storage = plan.storage
    weights = plan.origin
    weightBytes = plan.mappedBytes + plan.sharedBytes + plan.vectorBytes
    assumedWeights = plan.assumption
    layers = configuration.layers.count
    slidingWindowLayers = configuration.layers.count { $0.pattern.slidingWindow != nil }
    ropeLayers = configuration.layers.count { $0.rope != nil }
    hiddenSize = configuration.hiddenSize
    let feedForwards = configuration.layers.map(\.feedForward)
    intermediateSize = feedForwards.map(\.intermediateSize).max() ?? 0
    let attention = configuration.attention
    queryHeads = attention.queryHeads
    keyValueHeads = attention.keyValueHeads
    headDimension = attention.headDimension
    vocabularySize = configuration.vocabulary.size
    maximumPositions = configuration.sequence.maximumPositions
    ropes = configuration.ropes.map {
      Rotation(
        theta: $0.theta, scaling: $0.scaling.name,
        rotaryDimension: $0.rotaryDimension ?? attention.headDimension)
    }
    tiedEmbeddings = configuration.vocabulary.isTied
    activation = feedForwards[0].activation
    attentionBias = attention.hasBias
    mlpBias = feedForwards.contains { $0.hasBias }
    headNorms = attention.hasHeadNorms
    outputNorms = configuration.normalization.hasOutputNorms
    scoreSoftCap = attention.scoreSoftCap
    logitSoftCap = configuration.vocabulary.logitSoftCap
    precision = command.precision.rawValue
    let format = command.kvCache ?? KeyValueFormat(command.precision)
    kvCache = format.rawValue
    kvBytesPerToken = layers * attention.shape.keyValueBytesPerToken(format)
    hasTokenizer = outlined.tokenizer != nil
    warnings =
      outlined.outline.warnings
      + [
        memory.flatMap { outlined.outline.warning(sequenceTokens: $0.contextTokens + $0.maxTokens) }
      ]
      .compactMap(\.self)
    self.memory = memory
  }

  static let valueColumn = 14

  var lines: [(label: String, value: String)] {
    let name =
      weights == .builtIn
      ? "\(model) (built in: retrieves and copies; not a language model)" : model
    return [
      ("model", name),
      ("family", modelType),
      ("parameters", "\(parameters)"),
      ("weights", weightsText),
      (
        "layers",
        "\(layers), of which \(slidingWindowLayers) with a sliding window, \(ropeLayers) with RoPE"
      ),
      ("hidden size", "\(hiddenSize), MLP \(intermediateSize), \(activation.rawValue)"),
      ("heads", "\(queryHeads) query, \(keyValueHeads) KV, of dimension \(headDimension)"),
      ("vocabulary", "\(vocabularySize)\(tiedEmbeddings ? ", head tied to the embedding" : "")"),
      ("positions", "\(maximumPositions)"),
      ("RoPE", ropeText),
      ("particular", particularText),
      ("KV in \(kvCache)", "\(kvBytesPerToken) bytes a token"),
      ("tokenizer", hasTokenizer ? "yes" : "none, takes --token-ids only"),
    ] + (memory?.lines ?? []) + warnings.map { ("warning", $0) }
  }

  private var ropeText: String {
    let texts = ropes.map { rope in
      let scaling = rope.scaling == "default" ? "" : ", scaled by \(rope.scaling)"
      let part =
        rope.rotaryDimension < headDimension ? ", on \(rope.rotaryDimension) of a head" : ""
      return "base \(rope.theta)\(scaling)\(part)"
    }
    return texts.isEmpty ? "none" : texts.joined(separator: "; ")
  }

  private var particularText: String {
    var parts: [String] = []
    if attentionBias { parts.append("attention biases") }
    if mlpBias { parts.append("MLP biases") }
    if headNorms { parts.append("head norms") }
    if outputNorms { parts.append("output norms") }
    if let scoreSoftCap { parts.append("scores capped at \(scoreSoftCap)") }
    if let logitSoftCap { parts.append("logits capped at \(logitSoftCap)") }
    return parts.isEmpty ? "nothing" : parts.joined(separator: ", ")
  }

  private var weightsText: String {
    let size = decimalSize(weightBytes)
    let types = storage.keys.sorted().map { type in
      let amount = storage[type]!
      let tensors = "\(amount.tensors) tensor\(amount.tensors == 1 ? "" : "s")"
      return storage.count == 1 ? type : "\(type) (\(tensors), \(decimalSize(amount.bytes)))"
    }.joined(separator: ", ")
    return switch weights {
    case .builtIn: size
    case .files: "\(size), stored as \(types), shared by the ranks of a host"
    case .random: "\(size), random, shared by the ranks of a host"
    case .none:
      "not in the directory; \(size) if they are stored \(assumedWeights ?? ""), shared by the ranks "
        + "of a host"
    }
  }
}
