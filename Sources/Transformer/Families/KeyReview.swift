/// What the keys of a configuration ask for that a family does not do, and those of which nobody knows
/// what they ask for.
///
/// A key is one that the family reads, or one of `UnsupportedKey.all`, or one of `HarmlessKeys.all`, or
/// unknown.
struct KeyReview {
  /// Keys that ask for something unsupported, each with its value and what it asks for.
  private(set) var asking: [(key: String, value: ConfigurationValue, meaning: String)] = []
  /// By their whole names, such as `rope_scaling.magic`, in order.
  private(set) var unknown: [String] = []
  private let modelType: String
  private let name: String
  /// What stands before every key.
  private let prefix: String

  /// Keys that every family reads.
  static let readByAll = QuantizationNotice.keys.union([
    "architectures", "bos_token_id", "dual_chunk_attention_config", "eos_token_id", "head_dim",
    "hidden_size", "intermediate_size", "max_position_embeddings", "model_type",
    "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "rms_norm_eps",
    "rope_parameters", "rope_scaling", "rope_theta", "tie_word_embeddings", "vocab_size",
  ])

  init(_ source: any ConfigurationSource, of family: any ModelFamily) {
    modelType = family.modelType
    name = source.name
    prefix = source.prefix
    let read = Self.readByAll.union(family.knownKeys)
    review(source) { key in
      if read.contains(key) || HarmlessKeys.all.contains(key) { return .known }
      return UnsupportedKey.all[key].map { .unsupported($0) } ?? .unknown
    }
    for key in ["rope_parameters", "rope_scaling"] {
      guard let settings = try? source.object(key) else { continue }
      review(settings, ofRoPEIn: family)
    }
    for key in QuantizationNotice.keys.sorted() {
      guard let settings = try? source.object(key) else { continue }
      review(settings) { QuantizationScheme.knownKeys.contains($0) ? .known : .unknown }
    }
  }

  private mutating func review(
    _ settings: any ConfigurationSource, ofRoPEIn family: any ModelFamily
  ) {
    let kinds = family.knownKeys.intersection(RoPEKeys.kinds)
    let place = settings.prefix.dropFirst(prefix.count)
    func isKind(_ key: String) -> Bool { kinds.contains(place + key) }
    // One that is not supported is an error where it is read.
    let type = try? RoPEKeys.type(of: settings, rename: family.ropeTypeNames)
    review(settings) { key in
      if let foreign = type.flatMap({ RoPEKeys.foreign(key, type: $0) }) {
        return .unsupported(foreign)
      }
      if isKind(key) || RoPEKeys.isKnown(key) { return .known }
      return RoPEKeys.unsupported[key].map { .unsupported($0) } ?? .unknown
    }
    for key in settings.keys where isKind(key) {
      guard let kind = try? settings.object(key) else { continue }
      review(kind, ofRoPEIn: family)
    }
  }

  private enum Verdict {
    case known
    case unsupported(UnsupportedKey)
    case unknown
  }

  private mutating func review(
    _ source: any ConfigurationSource, _ verdict: (_ key: String) -> Verdict
  ) {
    for key in source.keys.sorted() {
      guard let value = source.setting(key) else { continue }
      switch verdict(key) {
      case .known: break
      case .unsupported(let entry):
        let isOff = entry.switchKey.map { source.setting($0) == .boolean(false) } ?? false
        if entry.asks(value), !isOff {
          asking.append((source.prefix + key, value, entry.meaning))
        }
      case .unknown:
        // Null is how a file says that it has nothing to say.
        if value != .null { unknown.append(source.prefix + key) }
      }
    }
  }

  /// - Parameter other: what reading the configuration has thrown, if it has; that it asks for
  ///   something unsupported is said besides.
  /// - Throws: `ModelError` that names every key that asks for something unsupported.
  func check(besides other: (any Error)?) throws(ModelError) {
    guard !asking.isEmpty else { return }
    let error = (other as? ModelError).flatMap { $0.kind == .unsupported ? $0 : nil }
    let list = asking.map { key, value, meaning in
      "\(quoted(key)): \(value) (\(meaning == UnsupportedKey.expertsMeaning ? Self.experts : meaning))"
    }
    throw ModelError(
      .unsupported,
      "\(name) asks for what is not supported for models of type \(quoted(modelType)): "
        + list.joined(separator: ", ")
        + "; use another model, or correct the file where it is wrong"
        + (error.map { "; besides, \($0.message)" } ?? ""))
  }

  /// What is said of experts follows from the families there are.
  private static var experts: String {
    let families = ModelFamilies.all.filter(\.hasExperts).map { quoted($0.modelType) }
    return families.isEmpty
      ? "experts, which no supported family has"
      : "experts, which are supported for models of type " + families.joined(separator: ", ")
  }
}
