/// That a configuration describes quantized weights, of which few kinds are computed with.
struct QuantizationNotice {
  /// The keys under which programs describe their quantization.
  static let keys: Set<String> = ["compression_config", "quantization", "quantization_config"]

  private let key: String
  /// Its whole name.
  private let title: String
  /// Whether no other key describes a quantization, too.
  private let isAlone: Bool
  /// Such as `method "gptq", 4 bits`; empty where the file says nothing of it.
  private let details: String

  /// Nil where the weights are not quantized.
  init?(_ source: any ConfigurationSource) {
    let asking = Self.keys.sorted().reversed().filter { key in
      switch source.setting(key) {
      case nil, .null, .boolean(false), .object(isEmpty: true): false
      default: true
      }
    }
    guard let first = asking.first else { return nil }
    key = first
    isAlone = asking.count == 1
    let settings = try? source.object(first)
    title = settings.map { String($0.prefix.dropLast()) } ?? first
    let method = ["quant_method", "quant_algo", "mode"].lazy.compactMap {
      (try? settings?.string($0)) ?? nil
    }.first
    details = [
      method.map { "method \(quoted($0))" }, settings.flatMap(Self.bits).map { "\($0) bits" },
    ].compactMap(\.self).joined(separator: ", ")
  }

  private static func bits(_ settings: any ConfigurationSource) -> Int? {
    for key in ["bits", "w_bit", "num_bits"] {
      if let bits = try? settings.integer(key) { return bits }
    }
    for (key, bits) in [("load_in_4bit", 4), ("load_in_8bit", 8)]
    where settings.setting(key) == .boolean(true) {
      return bits
    }
    return nil
  }

  /// The kind that is computed with.
  ///
  /// - Throws: `ModelError` for any other one; what the look-ups throw.
  func scheme(of source: any ConfigurationSource) throws -> QuantizationScheme {
    do {
      let settings = isAlone ? (try? source.object(key)) ?? nil : nil
      let modelType = (try? source.string("model_type")) ?? nil
      guard let scheme = try settings.flatMap({ try QuantizationScheme($0, modelType: modelType) })
      else {
        throw error(source.name, "and weights that are quantized so are")
      }
      return scheme
    } catch let problem as QuantizationScheme.Unsupported {
      throw error(source.name, "and \(problem.cause) is")
    }
  }

  private func error(_ name: String, _ cause: String) -> ModelError {
    ModelError(
      .unsupported,
      "\(name) has a \(quoted(title))\(details.isEmpty ? "" : " (\(details))"), \(cause) not "
        + "supported: use the checkpoint in BF16, F16 or F32 that this one was made from")
  }
}
