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
  /// Those that are used for one token.
  let activeParameters: Int
  /// How many of the parameters are stored in which type.
  let storedTypes: [String: Int]
  /// What of the files is used, by type.
  let storage: [String: StoredAmount]
  /// Where the weights come from.
  let weights: WeightPlan.Origin
  /// Of weights on each host, mapped or in memory, for this precision.
  let weightBytes: Int
  /// Of them, what all ranks together read for one token that runs alone.
  let weightBytesPerToken: Int
  /// How weights that are not there are taken to be stored, and why; null where they are there.
  let assumedWeights: String?
  let layers: Int
  let slidingWindowLayers: Int
  let ropeLayers: Int
  let hiddenSize: Int
  /// Of the widest layer without experts; 0 where all have some.
  let intermediateSize: Int
  /// Null where no layer has any.
  let experts: Experts?
  /// Null where layers differ, as the next two.
  let queryHeads: Int?
  let keyValueHeads: Int?
  let headDimension: Int?
  /// The layers' different heads, in the order of their first layers.
  let heads: [Heads]
  let vocabularySize: Int
  let maximumPositions: Int
  /// The layers' different rotations, in the order of their first layers.
  let ropes: [Rotation]
  let tiedEmbeddings: Bool
  let activation: String
  let attentionBias: Bool
  let mlpBias: Bool
  let headNorms: Bool
  /// Of all heads of queries, and of keys, together.
  let widthNorms: Bool
  let valueNorms: Bool
  /// Whether some layers' values are what the key projection gives.
  let keysAreValues: Bool
  let attentionSinks: Bool
  let outputScales: Bool
  let outputNorms: Bool
  /// Null where there is none.
  let scoreSoftCap: Double?
  let queryKeyValueClip: Double?
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

  /// The layers' mixtures of experts, which are alike.
  struct Experts: Codable {
    let layers: Int
    let count: Int
    let perToken: Int
    let intermediateSize: Int
    /// Of the expert that every token goes to; 0 where there is none.
    let sharedIntermediateSize: Int
  }

  /// Heads of some layers.
  struct Heads: Codable {
    let layers: Int
    let queryHeads: Int
    let keyValueHeads: Int
    let headDimension: Int
  }

  /// One of the layers' rotations.
  struct Rotation: Codable {
    let theta: Double
    /// As `rope_type` calls it.
    let scaling: String
    /// Coordinates of a head that are rotated, and how many it has.
    let rotaryDimension: Int
    let headDimension: Int
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
    if command.randomWeights, source.isBuiltIn {
      throw GenerateSettings.builtInWeights
    }
    let outlined = try OutlinedModel(
      source.located(), precision: command.precision, strict: command.strict,
      weights: {
        command.randomWeights ? .random : try $0.tensorPresence() == .all ? .files : .none
      })
    let report = InspectReport(
      outlined, command, try outlined.outline.weights.activity(of: outlined.outline.configuration),
      memory: try memory(outlined, command, jobRanks))
    try report.write(asJSON: command.json)
  }

  private static func memory(
    _ outlined: OutlinedModel, _ command: InspectCommand, _ jobRanks: Int
  ) throws -> MemoryEstimate? {
    guard let tokens = command.tokens else { return nil }
    let hosts = command.hosts ?? 1
    let ranks = command.ranks ?? max(jobRanks, hosts)
    let ranksPerHost = (ranks + hosts - 1) / hosts
    let arithmetic = Arithmetic(
      try command.numerics(),
      instructionSet: try InstructionSet.selected(environment: ProcessInfo.processInfo.environment),
      team: ThreadTeam(threads: max(1, HostResources.allowedCores().count / ranksPerHost)))
    let maxTokens = GenerationParameters(
      flags: GenerationChoices(maxTokens: command.maxTokens),
      model: try GenerationChoices(suggestedBy: outlined.outline)
    ).maxTokens
    return try MemoryEstimate(
      outlined.outline, arithmetic,
      SequenceDescription(
        partition: command.partition, contextTokens: tokens, maximumAppended: maxTokens),
      ranks: ranks, hosts: hosts, command.divideWeights ?? .auto)
  }

  private init(
    _ outlined: OutlinedModel, _ command: InspectCommand, _ activity: WeightPlan.Activity,
    memory: MemoryEstimate?
  ) {
    let configuration = outlined.outline.configuration
    let plan = outlined.outline.weights
    model = outlined.outline.name
    modelType = configuration.modelType
    parameters = plan.parameters
    activeParameters = activity.parameters
    weightBytesPerToken = activity.bytes
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
    intermediateSize = feedForwards.compactMap(\.dense?.intermediateSize).max() ?? 0
    experts = Experts(feedForwards.compactMap(\.mixture))
    let attentions = configuration.attentions
    heads = Self.heads(of: configuration)
    queryHeads = heads.count == 1 ? heads[0].queryHeads : nil
    keyValueHeads = heads.count == 1 ? heads[0].keyValueHeads : nil
    headDimension = heads.count == 1 ? heads[0].headDimension : nil
    vocabularySize = configuration.vocabulary.size
    maximumPositions = configuration.sequence.maximumPositions
    ropes = configuration.rotations.map {
      Rotation(
        theta: $0.parameters.theta, scaling: $0.parameters.scaling.name,
        rotaryDimension: $0.parameters.rotaryDimension ?? $0.headDimension,
        headDimension: $0.headDimension)
    }
    tiedEmbeddings = configuration.vocabulary.isTied
    activation = feedForwards[0].parts[0].activation.name
    attentionBias = attentions.contains { $0.hasBias }
    mlpBias = feedForwards.flatMap(\.parts).contains { $0.hasBias }
    headNorms = attentions.contains { $0.norms == .ofHeads }
    widthNorms = attentions.contains { $0.norms == .ofWidth }
    valueNorms = attentions.contains { $0.hasValueNorms }
    keysAreValues = attentions.contains { $0.keysAreValues }
    attentionSinks = attentions.contains { $0.hasSinks }
    outputScales = configuration.layers.contains { $0.hasOutputScale }
    queryKeyValueClip = attentions.lazy.compactMap(\.clip).first
    outputNorms = configuration.normalization.hasOutputNorms
    scoreSoftCap = attentions.lazy.compactMap(\.scoreSoftCap).first
    logitSoftCap = configuration.vocabulary.logitSoftCap
    precision = command.precision.rawValue
    let format = command.kvCache ?? KeyValueFormat(command.precision)
    kvCache = format.rawValue
    kvBytesPerToken = configuration.layers.reduce(0) {
      $0 + $1.attention.shape.keyValueBytesPerToken(format)
    }
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
      ("parameters", parametersText),
      ("weights", weightsText),
      (
        "layers",
        "\(layers), of which \(slidingWindowLayers) with a sliding window, \(ropeLayers) with RoPE"
      ),
      ("hidden size", "\(hiddenSize)\(mlpText), \(activation)"),
    ] + (experts.map { [("experts", $0.text)] } ?? []) + [
      ("heads", headsText),
      ("vocabulary", "\(vocabularySize)\(tiedEmbeddings ? ", head tied to the embedding" : "")"),
      ("positions", "\(maximumPositions)"),
      ("RoPE", ropeText),
      ("particular", particularText),
      ("KV in \(kvCache)", "\(kvBytesPerToken) bytes a token"),
      ("tokenizer", hasTokenizer ? "yes" : "none, takes --token-ids only"),
    ] + (memory?.lines ?? []) + warnings.map { ("warning", $0) }
  }

  private var parametersText: String {
    let read = "\(decimalSize(weightBytesPerToken)) of weights read for a token"
    return activeParameters < parameters - vocabularySize * hiddenSize
      ? "\(parameters), of which \(activeParameters) active; \(read)" : "\(parameters); \(read)"
  }

  private var mlpText: String { intermediateSize > 0 ? ", MLP \(intermediateSize)" : "" }

  private static func heads(of configuration: ModelConfiguration) -> [Heads] {
    let shapes = configuration.layers.map(\.attention.shape)
    let different = shapes.reduce(into: [AttentionShape]()) {
      if !$0.contains($1) { $0.append($1) }
    }
    return different.map { shape in
      Heads(
        layers: shapes.count { $0 == shape }, queryHeads: shape.queryHeads,
        keyValueHeads: shape.keyValueHeads, headDimension: shape.headDimension)
    }
  }

  private var headsText: String {
    heads.map {
      "\($0.queryHeads) query, \($0.keyValueHeads) KV, of dimension \($0.headDimension)"
        + (heads.count == 1 ? "" : " in \($0.layers) layers")
    }.joined(separator: "; ")
  }

  private var ropeText: String {
    let texts = ropes.map { rope in
      let scaling = rope.scaling == "default" ? "" : ", scaled by \(rope.scaling)"
      let part =
        rope.rotaryDimension < rope.headDimension ? ", on \(rope.rotaryDimension) of a head" : ""
      return "base \(rope.theta)\(scaling)\(part)"
    }
    return texts.isEmpty ? "none" : texts.joined(separator: "; ")
  }

  private var particularText: String {
    var parts: [String] = []
    if attentionBias { parts.append("attention biases") }
    if mlpBias { parts.append("MLP biases") }
    if headNorms { parts.append("head norms") }
    if widthNorms { parts.append("norms of all heads together") }
    if valueNorms { parts.append("value norms") }
    if keysAreValues { parts.append("keys that are values") }
    if attentionSinks { parts.append("attention sinks") }
    if outputNorms { parts.append("output norms") }
    if outputScales { parts.append("output scales") }
    if let queryKeyValueClip {
      parts.append("queries, keys and values clamped to \(queryKeyValueClip)")
    }
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

extension InspectReport.Experts {
  init?(_ mixtures: [MixtureConfiguration]) {
    guard let mixture = mixtures.first else { return nil }
    layers = mixtures.count
    count = mixture.experts
    perToken = mixture.expertsPerToken
    intermediateSize = mixture.expert.intermediateSize
    sharedIntermediateSize = mixture.shared?.expert.intermediateSize ?? 0
  }

  var text: String {
    let shared = sharedIntermediateSize > 0 ? ", and one for all of \(sharedIntermediateSize)" : ""
    return "\(count) of \(intermediateSize), \(perToken) for a token\(shared), in \(layers) layers"
  }
}
