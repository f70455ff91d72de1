import Foundation
import Kernels
import ModelFiles
import Transformer

/// A model directory of a test's own, which goes with this.
final class ModelFolder {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.path + "/ringflash-\(UUID().uuidString)"
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var directory: ModelDirectory {
    get throws { try ModelDirectory(path: path) }
  }

  /// - Parameter widened: writes F32 instead of BF16.
  func write(
    configuration: Data, generation: Data? = nil, tensors: [TensorView], widened: Bool = false
  ) throws {
    try ModelDirectory.write(
      to: path, configuration: configuration, generationConfiguration: generation,
      tensors: tensors.map { widened ? $0.widened : $0.asTensor }, overwrite: true)
  }
}

extension TensorView {
  var asTensor: Tensor {
    Tensor(
      name: name, elementType: precision == .bf16 ? .bfloat16 : .float32, shape: shape,
      bytes: UnsafeRawBufferPointer(start: elements, count: bytes), owner: owner)
  }

  var widened: Tensor {
    Tensor(name: name, elementType: .float32, shape: shape, copying: floats())
  }
}

extension ModelConfiguration {
  /// `config.json` as SmolLM3 reads it.
  var json: Data {
    let window = layers.lazy.compactMap(\.slidingWindow).first
    let types = layers.map {
      $0.slidingWindow == nil ? "\"full_attention\"" : "\"sliding_attention\""
    }
    return Data(
      """
      {
        "model_type": "\(modelType)", "vocab_size": \(vocabularySize),
        "hidden_size": \(hiddenSize), "intermediate_size": \(intermediateSize),
        "num_hidden_layers": \(layers.count), "num_attention_heads": \(queryHeads),
        "num_key_value_heads": \(keyValueHeads), "head_dim": \(headDimension),
        "rms_norm_eps": \(rmsNormEpsilon), "attention_bias": \(attentionBias),
        "mlp_bias": \(mlpBias), "tie_word_embeddings": \(tiedEmbeddings),
        "max_position_embeddings": \(maximumPositions), "rope_theta": \(ropes[0].theta),
        "use_sliding_window": \(window != nil),
        "sliding_window": \(window.map(String.init) ?? "null"),
        "layer_types": [\(types.joined(separator: ", "))],
        "no_rope_layers": [\(layers.map { $0.rope != nil ? "1" : "0" }.joined(separator: ", "))],
        "bos_token_id": \(beginningOfSequenceToken.map(String.init) ?? "null"),
        "eos_token_id": \(endOfSequenceTokens)
      }
      """.utf8)
  }
}
