import Foundation
import Kernels

/// The built-in models: retrieval by constructed weights.
///
/// Their weights are constructed, not trained: an induction head that finds the place in the context
/// that best matches the last 15 bytes, and copies what followed there. They retrieve and copy; they
/// are not language models. One wrong block, mask or merge in the attention, one byte that goes to
/// another expert, one sink that is left out, and what they copy out is wrong.
///
/// Tokens are bytes, and two specials.
public struct NeedleModel: Sendable {
  /// The built-in models by the names that a user gives them. A further one is a design of its own and
  /// two lines here.
  public enum Variant: String, CaseIterable, Codable, Sendable {
    /// Of SmolLM3's architecture: a dense one.
    case plain = "needle"
    /// Of Qwen3 MoE's: experts decode the bytes.
    case mixture = "needle-moe"
    /// Of gpt-oss's: experts decode the bytes, and sinks take a part of the attention.
    case sinks = "needle-sinks"

    var design: any NeedleDesign {
      switch self {
      case .plain: PlainNeedle()
      case .mixture: MixtureNeedle()
      case .sinks: SinkNeedle()
      }
    }
  }

  /// Of the text's bytes, the tokens 0…255 are the bytes themselves.
  public static let beginningOfSequenceToken = 256
  public static let endOfSequenceToken = 257

  public let variant: Variant
  public let configuration: ModelConfiguration
  public let weights: ModelWeights
  /// All tensors under the names that the family asks for, bfloat16.
  public let tensors: [TensorView]

  /// Takes some milliseconds and 10 MB at most.
  public init(_ variant: Variant = .plain) {
    let design = variant.design
    do {
      configuration = try design.configuration()
      let store = TensorStore(design.recipes())
      tensors = store.tensors
      weights = try ModelFamilies.weights(for: configuration, from: store)
    } catch {
      preconditionFailure("the built-in model \(variant.rawValue) contradicts itself: \(error)")
    }
    self.variant = variant
  }

  /// All tensors as files of the family have them, for export.
  public func fileTensors() -> [TensorView] {
    variant.design.fileRecipes().map { TensorStore($0).tensors } ?? tensors
  }

  /// `config.json` of an exported model, as Hugging Face Transformers and the family read it.
  public func configurationJSON() -> Data {
    let design = variant.design
    return Self.json(
      design.sharedSettings(configuration) + design.ownSettings(configuration)
        + [
          ("bos_token_id", "\(Self.beginningOfSequenceToken)"),
          ("eos_token_id", "\(Self.endOfSequenceToken)"), ("pad_token_id", "null"),
          ("use_cache", "true"),
        ])
  }

  /// `generation_config.json` of an exported model: greedy, until the line ends.
  public func generationConfigurationJSON() -> Data {
    Self.json([
      ("bos_token_id", "\(Self.beginningOfSequenceToken)"),
      ("eos_token_id", "\(Self.endOfSequenceToken)"), ("do_sample", "false"),
      ("max_new_tokens", "64"), ("stop_strings", #"["\n"]"#),
    ])
  }

  /// An object of members whose values are JSON already.
  private static func json(_ members: [NeedleSetting]) -> Data {
    let lines = members.map { "  \"\($0.key)\": \($0.json)" }
    return Data("{\n\(lines.joined(separator: ",\n"))\n}\n".utf8)
  }
}
