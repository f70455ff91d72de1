/// How a model's files have the matrices of all experts of a layer in one tensor, where they do.
///
/// The shapes are those of the classes of experts in Hugging Face Transformers 5.
public enum ExpertLayout: Sendable {
  /// `[experts, outputs, inputs]`; of `gate_up_proj` the first half of the outputs is the gate's.
  case rows
  /// The same, but under `mlp`, where single ones are under `block_sparse_moe` and called w1, w3 and w2:
  /// Mixtral as Transformers 5 has it in memory.
  case renamedRows
  /// `[experts, inputs, outputs]`, with biases `[experts, outputs]`; of `gate_up_proj` every other output is
  /// the gate's, beginning with the first: gpt-oss. Or MXFP4 in rows, `_blocks` `[experts, outputs, inputs
  /// / 32, 16]` and `_scales` `[experts, outputs, inputs / 32]`.
  case columns

  /// That of a directory in Hugging Face layout.
  ///
  /// - Parameter modelType: `model_type` of `config.json`.
  public init(modelType: String?) {
    switch modelType {
    case "gpt_oss": self = .columns
    case "mixtral": self = .renamedRows
    default: self = .rows
    }
  }
}

/// The name of one of an expert's tensors, such as `model.layers.0.mlp.experts.5.up_proj.weight`.
public struct ExpertTensorName: Equatable, Sendable {
  /// What stands before the number, with the point.
  public let prefix: String
  public let expert: Int
  /// What follows the number, with the point.
  public let suffix: String

  private static let marker = ".experts."

  /// Nil for the name of another tensor.
  public init?(_ name: String) {
    guard let (prefix, rest) = Self.split(name), let dot = rest.firstIndex(of: "."),
      let expert = Int(rest[..<dot]), expert >= 0
    else { return nil }
    self.prefix = prefix
    self.expert = expert
    suffix = String(rest[dot...])
  }

  /// Whether both name the same of their experts.
  public func isSibling(of other: ExpertTensorName) -> Bool {
    prefix == other.prefix && suffix == other.suffix
  }

  /// What stands up to the experts, with a point, and what follows; nil where there are none.
  static func split(_ name: String) -> (prefix: String, rest: Substring)? {
    // From the end, in bytes: there are tens of thousands of names.
    let (bytes, marker) = (name.utf8, marker.utf8)
    guard bytes.count > marker.count else { return nil }
    var start = bytes.index(bytes.endIndex, offsetBy: -marker.count)
    while bytes[start] != UInt8(ascii: ".") || !bytes[start...].starts(with: marker) {
      guard start > bytes.startIndex else { return nil }
      start = bytes.index(before: start)
    }
    let end = bytes.index(start, offsetBy: marker.count)
    return (String(name[..<end]), name[end...])
  }
}
