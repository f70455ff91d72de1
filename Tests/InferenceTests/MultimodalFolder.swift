import Foundation
import ModelFiles

/// A text model as a multimodal model has it: its tensors under other names, its configuration in a
/// `text_config`, and parts beside them that text does not use.
struct MultimodalFolder {
  /// What tensors of the text part are called, and of the others.
  enum Layout: CaseIterable, Sendable {
    /// Of published Gemma 3, LLaVA and Mistral 3.
    case outside
    /// Of Qwen3-VL, and of what newer versions of Transformers write.
    case inside
    /// Of SmolVLM.
    case textModel
    /// Of Qwen2-VL.
    case beside

    func name(_ name: String) -> String {
      switch self {
      case .outside: return "language_model." + name
      case .inside: return name.replacingOccurrences(of: "model.", with: "model.language_model.")
      case .textModel: return name.replacingOccurrences(of: "model.", with: "model.text_model.")
      case .beside: return name
      }
    }

    var others: [String] {
      switch self {
      case .outside:
        ["vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", "multi_modal_projector.w"]
      case .inside: ["model.visual.blocks.0.norm1.weight", "model.vision_tower.layers.0.weight"]
      case .textModel: ["model.vision_model.layers.0.weight", "model.connector.proj.weight"]
      case .beside: ["visual.blocks.0.mlp.fc1.weight", "visual.merger.ln_q.weight"]
      }
    }
  }

  let folder: ModelFolder
  var directory: ModelDirectory { get throws { try folder.directory } }

  /// - Parameters:
  ///   - type: of the multimodal model.
  ///   - text: `config.json` of the text model.
  ///   - textType: what the text part calls its type; nil for no `text_config`: all keys stand at the
  ///     root.
  ///   - tensors: of the text model, by its names.
  ///   - others: beside them and those that text does not use, by their names in the file.
  ///   - root: keys beside the text part.
  init(
    _ type: String, _ layout: Layout, textType: String?, text: [String: Any], tensors: [Tensor],
    others: [Tensor] = [], root: [String: Any] = [:]
  ) throws {
    folder = try ModelFolder()
    var text = text
    text["architectures"] = nil
    text["model_type"] = textType
    var settings: [String: Any] = textType == nil ? text : ["text_config": text]
    settings["model_type"] = type
    settings["vision_config"] = ["hidden_size": 8]
    settings.merge(root) { $1 }
    let unused = layout.others.map {
      Tensor(name: $0, elementType: .float32, shape: [2], copying: [1, 2] as [Float])
    }
    try ModelDirectory.write(
      to: folder.path, configuration: JSONSerialization.data(withJSONObject: settings),
      tensors: tensors.map { $0.named(layout.name($0.name)) } + unused + others)
  }
}

extension Tensor {
  func named(_ name: String) -> Tensor {
    Tensor(name: name, elementType: elementType, shape: shape, bytes: bytes, owner: owner)
  }
}
