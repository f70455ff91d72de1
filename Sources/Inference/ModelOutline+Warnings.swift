import ModelFiles
import Transformer

extension ModelOutline {
  /// What its configuration is called: `config.json`, or the metadata of a file.
  var configurationTitle: String { stored.map(Self.title) ?? "configuration" }

  /// What a configuration has that nobody here knows, as the beginning of a sentence; nil for nothing.
  public var unknownKeys: String? {
    Self.unknownKeys(
      remarks.unknownKeys, in: stored?.configurationName ?? "\(name)/config.json")
  }

  /// What a run ought to know in which context, prompt and answer have up to so many tokens, as
  /// `warnings` are; nil for nothing.
  public func warning(sequenceTokens tokens: Int) -> String? {
    guard let chunk = remarks.tokensWithoutDualChunks, tokens > chunk else { return nil }
    return "context, prompt and answer have up to \(tokens) tokens, and beyond \(chunk) the model "
      + "\(name) was made for dual chunk attention, which is missing here: answers may be worse than "
      + "its makers'"
  }

  /// - Throws: `FileError` where there is an index of weights and it is malformed.
  static func warnings(
    _ model: any StoredModel, _ remarks: ConfigurationRemarks, _ weights: WeightPlan
  ) throws -> [String] {
    let unknownKeys = remarks.unknownKeys
    return [
      remarks.multimodalType.map {
        "\(model.path) is a multimodal model, of type \($0.debugDescription), of which the text model "
          + "alone is run: images are not supported"
      },
      Self.unknownKeys(unknownKeys, in: model.configurationName).map {
        "\($0); the model is computed as without \(unknownKeys.count == 1 ? "it" : "them")"
      },
      unusedTensors(weights.unusedTensors, in: model),
      weights.origin == .none ? try missing(model) : nil,
    ].compactMap(\.self)
  }

  private static func missing(_ model: any StoredModel) throws -> String? {
    switch try model.tensorPresence() {
    case .all: nil
    case .index(let missing, let shards, _):
      "\(model.path) lacks \(missing) of the \(shards) files that its index names"
    case .none: model.foreignTensors.map { "\(model.path) \($0)" }
    }
  }

  private static func unknownKeys(_ keys: [String], in place: String) -> String? {
    keys.isEmpty
      ? nil
      : "\(place) has \(keys.count == 1 ? "a key" : "\(keys.count) keys") that ringflash "
        + "does not know: \(list(keys, upTo: 100))"
  }

  private static func unusedTensors(_ names: [String], in model: any StoredModel) -> String? {
    names.isEmpty
      ? nil
      : "\(model.path) has \(names.count == 1 ? "a tensor" : "\(names.count) tensors") that the model does "
        + "not use: \(list(names, upTo: 4)); compare its \(title(of: model)) with the files"
  }

  /// What its configuration is called where the model is known.
  static func title(of model: any StoredModel) -> String {
    model.configurationName == model.path ? "metadata" : "config.json"
  }

  private static func list(_ names: [String], upTo count: Int) -> String {
    let rest = names.count - count
    return names.prefix(count).map { $0.prefix(100).debugDescription }.joined(separator: ", ")
      + (rest > 0 ? " and \(rest) more" : "")
  }
}
