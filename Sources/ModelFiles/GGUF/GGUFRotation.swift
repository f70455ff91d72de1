import Files
import JSON

/// What a GGUF file says of RoPE, as `rope_scaling` and keys beside it say it.
struct GGUFRotation {
  enum TensorName {
    /// Divisors of the frequencies at all lengths, as Llama 3.1 and later have them.
    static let divisors = "rope_freqs.weight"
    /// The same of contexts beyond the training's length, and up to it, as Phi-3 has them.
    static let longDivisors = "rope_factors_long.weight"
    static let shortDivisors = "rope_factors_short.weight"
  }

  private let theta: Double
  private let slidingTheta: Double
  private let originalPositions: Int
  private let headDimension: Int
  private let rotaryDimension: Int
  /// The part of a head that is rotated in layers without a window, where these are apart.
  private let globalPart: Double?
  /// Whether a part of a head is rotated where nothing is said.
  private let isPartByDefault: Bool
  /// `rope_type` and what belongs to it.
  private let scaling: [(key: String, value: JSONValue)]

  /// - Throws: `FileError`.
  init(
    _ keys: GGUFKeys, _ files: GGUFCollection, _ shape: GGUFShape,
    _ architecture: GGUFArchitecture
  ) throws {
    isPartByDefault = architecture.name == "glm4moe"
    theta = try keys.number("rope.freq_base") ?? 10_000
    slidingTheta = try keys.number("rope.freq_base_swa") ?? 10_000
    let original =
      try keys.integer("rope.scaling.original_context_length") ?? shape.positions
    originalPositions = original
    headDimension = shape.headDimension
    rotaryDimension = shape.rotaryDimension
    if let global = shape.global {
      globalPart = try Self.rotatedPart(keys, files, headDimension: global.headDimension)
      scaling = []
      return
    }
    globalPart = nil

    func divisors(_ name: String) throws -> JSONValue? {
      try Self.divisors(name, files, pairs: shape.rotaryDimension / 2)
    }
    let attentionFactor = try keys.number("rope.scaling.attn_factor")
    let factor = try keys.number("rope.scaling.factor") ?? keys.number("rope.scale_linear") ?? 0
    let type = try keys.string("rope.scaling.type") ?? (factor == 0 ? "none" : "linear")
    let isScaled = factor != 0 && factor != 1
    if let all = try divisors(TensorName.divisors) {
      guard type == "none" || !isScaled else {
        throw keys.unsupported(
          "rope.scaling.type", quoted(type), "a scaling beside that of \(TensorName.divisors)")
      }
      scaling = Self.longRoPE(short: all, long: all, attentionFactor: 1)
    } else if let long = try divisors(TensorName.longDivisors),
      let short = try divisors(TensorName.shortDivisors)
    {
      scaling = Self.longRoPE(short: short, long: long, attentionFactor: attentionFactor)
      return
    } else if type == "linear" && isScaled {
      scaling = [("rope_type", .string("linear")), ("factor", .number(factor))]
    } else if type == "yarn" {
      scaling = try [
        ("rope_type", .string("yarn")), ("factor", .number(factor == 0 ? 1 : factor)),
        ("beta_fast", .number(keys.number("rope.scaling.yarn_beta_fast") ?? 32)),
        ("beta_slow", .number(keys.number("rope.scaling.yarn_beta_slow") ?? 1)),
      ]
    } else if type == "none" || type == "linear" {
      scaling = []
    } else if type == "longrope" {
      throw keys.metadata.malformed(
        "\"\(keys.prefix)rope.scaling.type\" is \"longrope\", but the tensors "
          + "\"\(TensorName.longDivisors)\" and \"\(TensorName.shortDivisors)\" are missing")
    } else {
      throw keys.unsupported("rope.scaling.type", quoted(type), "that scaling of RoPE")
    }
    if let attentionFactor, attentionFactor != 1, attentionFactor != 0 {
      throw keys.unsupported(
        "rope.scaling.attn_factor", "\(attentionFactor)", "another scaling of RoPE")
    }
  }

  /// The members of `config.json`.
  func members(_ architecture: GGUFArchitecture) -> [(key: String, value: JSONValue)] {
    if let globalPart {
      let kinds: [(key: String, value: JSONValue)] = [
        (
          "full_attention",
          .object(
            JSONObject([
              ("rope_type", .string("proportional")),
              ("partial_rotary_factor", .number(globalPart)),
              ("rope_theta", .number(theta)),
            ]))
        ),
        ("sliding_attention", .object(JSONObject(settings(theta: slidingTheta, [])))),
      ]
      return [("rope_parameters", .object(JSONObject(kinds)))]
    }
    if architecture.name == "gemma3" {
      // Its layers with a window are never scaled.
      let kinds: [(key: String, value: JSONValue)] = [
        ("full_attention", .object(JSONObject(settings(theta: theta, scaling)))),
        ("sliding_attention", .object(JSONObject(settings(theta: slidingTheta, [])))),
      ]
      return [("rope_parameters", .object(JSONObject(kinds)))]
    }
    var settings = settings(theta: theta, scaling)
    if architecture.name == "gpt-oss", scaling.first?.value.text == "yarn" {
      // The bounds of its ramp are no whole numbers.
      settings.append(("truncate", .boolean(false)))
    }
    let object: (key: String, value: JSONValue) = (
      "rope_parameters", .object(JSONObject(settings))
    )
    return architecture.name == "phi3"
      ? [object, ("original_max_position_embeddings", .integer(originalPositions))] : [object]
  }

  private func settings(
    theta: Double, _ scaling: [(key: String, value: JSONValue)]
  ) -> [(key: String, value: JSONValue)] {
    var settings = scaling + [("rope_theta", .number(theta))]
    if scaling.isEmpty { settings.append(("rope_type", .string("default"))) }
    if !scaling.isEmpty, scaling[0].value.text != "linear" {
      settings.append(("original_max_position_embeddings", .integer(originalPositions)))
    }
    if rotaryDimension < headDimension || isPartByDefault {
      // The family rounds the product down to a whole number.
      let part = Double(rotaryDimension) / Double(headDimension)
      let isRoundedDown = Int(part * Double(headDimension)) < rotaryDimension
      settings.append(("partial_rotary_factor", .number(isRoundedDown ? part.nextUp : part)))
    }
    return settings
  }

  /// Divisors of 1 and then such that nothing is left of the frequencies, which is how pairs are not
  /// rotated whose frequencies are those of the whole head.
  private static func rotatedPart(
    _ keys: GGUFKeys, _ files: GGUFCollection, headDimension: Int
  ) throws -> Double {
    for key in ["rope.scaling.factor", "rope.scale_linear"] {
      if let factor = try keys.number(key), factor != 0, factor != 1 {
        throw keys.unsupported(key, "\(factor)", "a scaling of RoPE")
      }
    }
    let (name, pairs) = (TensorName.divisors, headDimension / 2)
    guard let divisors = try numbers(name, files, pairs: pairs) else { return 1 }
    let rotated = divisors.prefix { $0 == 1 }.count
    guard divisors[rotated...].allSatisfy({ $0 >= 1e20 }) else {
      throw FileError(
        .unsupported,
        "\(files.metadata.path): the tensor \"\(name)\" scales frequencies, which is not supported for "
          + "models of the architecture \"\(keys.prefix.dropLast())\"; use another model")
    }
    return Double(rotated) / Double(pairs)
  }

  private static func longRoPE(
    short: JSONValue, long: JSONValue, attentionFactor: Double?
  ) -> [(key: String, value: JSONValue)] {
    [
      ("rope_type", .string("longrope")), ("short_factor", short), ("long_factor", long),
      ("attention_factor", attentionFactor.map { .number($0) } ?? .null),
    ]
  }

  private static func divisors(
    _ name: String, _ files: GGUFCollection, pairs: Int
  ) throws -> JSONValue? {
    try numbers(name, files, pairs: pairs).map { .array($0.map { .number($0) }) }
  }

  /// The numbers of a tensor `[pairs]`; nil where there is none.
  private static func numbers(
    _ name: String, _ files: GGUFCollection, pairs: Int
  ) throws -> [Double]? {
    guard let tensor = files.tensor(name, as: name) else { return nil }
    guard tensor.elementType == .float32, tensor.shape == [pairs] else {
      throw files.metadata.malformed(
        "the tensor \"\(name)\" is \(tensor.elementType.rawValue) of the shape \(tensor.shape), but "
          + "must be F32 with one element for each of \(pairs) pairs")
    }
    return (0..<pairs).map {
      Double(tensor.bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self))
    }
  }
}

extension JSONValue {
  fileprivate var text: String? {
    if case .string(let text) = self { text } else { nil }
  }
}
