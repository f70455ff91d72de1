/// That a configuration describes quantized weights, which no family computes with.
struct QuantizationNotice {
  /// The keys under which programs describe their quantization.
  static let keys: Set<String> = ["compression_config", "quantization", "quantization_config"]

  private let key: String
  /// Such as `method "gptq", 4 bits`; empty where the file says nothing of it.
  private let details: String

  /// Nil where the weights are not quantized.
  init?(_ source: any ConfigurationSource) {
    let asking = Self.keys.sorted().reversed().first { key in
      switch source.setting(key) {
      case nil, .null, .boolean(false), .object(isEmpty: true): false
      default: true
      }
    }
    guard let asking else { return nil }
    key = asking
    let settings = try? source.object(asking)
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

  func error(_ name: String) -> ModelError {
    ModelError(
      .unsupported,
      "\(name) has a \(quoted(key))\(details.isEmpty ? "" : " (\(details))"), and quantized weights "
        + "are not supported: use the checkpoint in BF16, F16 or F32 that this one was made from")
  }
}
