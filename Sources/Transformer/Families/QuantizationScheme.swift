/// How the quantized weights of a checkpoint are stored, as its `quantization_config` says: as FP8 with
/// scales, or as MXFP4.
///
/// Keys and names of tensors are those of `FineGrainedFP8Config` and `Mxfp4Config` in Hugging Face
/// Transformers, of vLLM's `Fp8Config`, and of compressed-tensors' format `float-quantized`. Which weights
/// are quantized the files say themselves. Inputs are not rounded to FP8.
public struct QuantizationScheme: Equatable, Sendable {
  public enum Method: Sendable {
    case fp8
    /// Of gpt-oss's experts, whose scales are in their blocks.
    case mxfp4
  }

  /// What elements of a matrix have one scale.
  public enum Granularity: Equatable, Sendable {
    case matrix
    case row
    case block(rows: Int, inputs: Int)
  }

  public let method: Method
  /// What stands for `weight` in the name of the tensor that has a weight's scales: the first that is
  /// there. Of FP8 alone.
  public let scaleNames: [String]
  /// At least one of FP8, of which groups of layers may differ; none of MXFP4.
  public let granularities: [Granularity]
  /// Parts of the names of layers that are not quantized.
  private var unquantized: [String]

  /// Names of tensors with fixed scales of inputs, which are not supported.
  public static let inputScaleNames = ["input_scale", "activation_scale"]

  /// Whether a layer's weight is likely to be quantized, for who does not have the files.
  ///
  /// - Parameter name: of a matrix, such as `model.layers.0.mlp.up_proj.weight`.
  public func probablyQuantizes(_ name: String) -> Bool {
    if method == .mxfp4, !name.contains(".experts.") { return false }
    return !(["lm_head", "embed_tokens"] + unquantized).contains {
      !$0.isEmpty && name.contains($0)
    }
  }

  /// The same with the names that the text model of a multimodal one has for layers.
  var ofText: QuantizationScheme {
    var scheme = self
    scheme.unquantized = unquantized.map { TextTensorNames.textName(of: $0) ?? $0 }
    return scheme
  }
}

extension QuantizationScheme.Granularity {
  /// Rows and inputs that have one scale in a matrix of that shape, and all shapes that the tensor of
  /// the scales may have.
  public func layout(outputs: Int, inputs: Int) -> (rows: Int, inputs: Int, shapes: [[Int]]) {
    switch self {
    case .matrix: (max(outputs, 1), max(inputs, 1), [[1], []])
    case .row: (1, max(inputs, 1), [[outputs, 1]])
    case .block(let rows, let columns):
      (rows, columns, [[(outputs + rows - 1) / rows, (inputs + columns - 1) / columns]])
    }
  }
}

extension QuantizationScheme {
  /// A problem of a configuration: what it has that is not supported.
  struct Unsupported: Error {
    let cause: String
  }

  /// Keys of any method that are read here, or bear on nothing: how the checkpoint was made, and
  /// how other programs load it.
  static let knownKeys: Set<String> = [
    "activation_scheme", "config_groups", "dequantize", "fmt", "format", "global_compression_ratio",
    "ignore", "ignored_layers", "is_checkpoint_fp8_serialized", "kv_cache_scheme",
    "modules_to_not_convert", "provider", "quant_method", "quantization_status",
    "run_compressed", "scale_fmt", "sparsity_config", "transform_config", "version",
    "weight_block_size",
  ]

  /// What the object describes; nil where its method is another one.
  ///
  /// - Parameter modelType: of the model, if the file says it.
  /// - Throws: `Unsupported`, what the look-ups throw.
  init?(_ settings: any ConfigurationSource, modelType: String?) throws {
    switch settings.setting("quant_method") {
    case "fp8": try self.init(fp8: settings)
    case "compressed-tensors": try self.init(compressedTensors: settings)
    case "mxfp4" where modelType == "gpt_oss": try self.init(mxfp4: settings)
    default: return nil
    }
  }

  private init(mxfp4 settings: any ConfigurationSource) throws {
    method = .mxfp4
    (scaleNames, granularities) = ([], [])
    // A star stands for a layer's number.
    unquantized = try (settings.strings("modules_to_not_convert") ?? []).map {
      String($0.split(separator: "*", omittingEmptySubsequences: false).last ?? "")
    }
  }

  private init(fp8 settings: any ConfigurationSource) throws {
    try Self.check(settings, "fmt", is: ["e4m3", .null])
    try Self.check(settings, "activation_scheme", is: ["dynamic", .null])
    try Self.checkAbsence(settings, ["kv_cache_scheme"])
    let block = try settings.integers("weight_block_size")
    if let block, block.count != 2 || block.contains(where: { !(1...1 << 20).contains($0) }) {
      throw Unsupported(
        cause: "\(quoted(settings.prefix + "weight_block_size")) of "
          + (block.count == 2 ? "\(block)" : "\(block.count) numbers"))
    }
    method = .fp8
    scaleNames = ["weight_scale_inv", "weight_scale"]
    granularities = [block.map { .block(rows: $0[0], inputs: $0[1]) } ?? .matrix]
    unquantized =
      try settings.strings("modules_to_not_convert") ?? settings.strings("ignored_layers") ?? []
  }

  private init(compressedTensors settings: any ConfigurationSource) throws {
    try Self.checkAbsence(settings, ["kv_cache_scheme", "transform_config"])
    if let sparsity = try settings.object("sparsity_config") {
      try Self.check(sparsity, "format", is: ["dense", .null])
    }
    let groups = try settings.object("config_groups")
    let names = (groups?.keys ?? []).sorted()
    guard let groups, !names.isEmpty else {
      throw Unsupported(cause: "an empty \(quoted("config_groups"))")
    }
    method = .fp8
    scaleNames = ["weight_scale"]
    granularities = try names.map { name in
      let group = try groups.required(name, groups.object)
      // Groups of different formats each have their own.
      let owner = group.setting("format") ?? .null == .null ? settings : group
      try Self.check(owner, "format", is: ["float-quantized"])
      return try Self.granularity(group)
    }
    unquantized = try (settings.strings("ignore") ?? []).compactMap(Self.literal)
  }

  private static func granularity(_ group: any ConfigurationSource) throws -> Granularity {
    try checkAbsence(group, ["output_activations"])
    if let inputs = try group.object("input_activations") {
      try check(inputs, "dynamic", is: [true])
    }
    let weights = try group.required("weights", group.object)
    try check(weights, "type", is: ["float"])
    try check(weights, "num_bits", is: [8])
    try check(weights, "symmetric", is: [true, .null])
    try check(weights, "dynamic", is: [false, .null])
    try check(weights, "strategy", is: ["tensor", "channel", "block"])
    switch weights.setting("strategy") {
    case "tensor": return .matrix
    case "channel": return .row
    default:
      try check(weights, "block_structure", is: [.list([128, 128])])
      return .block(rows: 128, inputs: 128)
    }
  }

  /// The part of a layer's name that an entry of `ignore` asks for: that has whole names, and regular
  /// expressions of which the simple ones are read. Nil for others.
  private static func literal(_ entry: String) -> String? {
    guard entry.hasPrefix("re:") else { return entry }
    var text = entry.dropFirst(3)
    for end in ["^", ".*"] where text.hasPrefix(end) { text = text.dropFirst(end.count) }
    for end in ["$", ".*"] where text.hasSuffix(end) { text = text.dropLast(end.count) }
    let literal = String(text.split(separator: "\\", omittingEmptySubsequences: true).joined())
    return literal.isEmpty || literal.contains(where: { "*+?[](){}|^$".contains($0) })
      ? nil : literal
  }

  private static func check(
    _ settings: any ConfigurationSource, _ key: String, is values: [ConfigurationValue]
  ) throws {
    let value = settings.setting(key) ?? .null
    guard !values.contains(value) else { return }
    throw Unsupported(cause: "\(quoted(settings.prefix + key)): \(value)")
  }

  /// Null, false and an empty object are absence.
  private static func checkAbsence(_ settings: any ConfigurationSource, _ keys: [String]) throws {
    for key in keys {
      try check(settings, key, is: [.null, .boolean(false), .object(isEmpty: true)])
    }
  }
}

extension ModelFamilies {
  /// How the source's quantized weights are stored; nil where it says nothing of quantization.
  ///
  /// - Throws: `ModelError` for any other quantization; what the source's look-ups throw.
  public static func quantization(
    of source: any ConfigurationSource
  ) throws -> QuantizationScheme? {
    let wrapper = try MultimodalWrapper(source)
    let source = wrapper?.text ?? source
    guard let notice = QuantizationNotice(source) else { return nil }
    let scheme = try notice.scheme(of: source)
    return wrapper == nil ? scheme : scheme.ofText
  }
}
