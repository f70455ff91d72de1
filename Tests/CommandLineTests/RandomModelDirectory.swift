import Foundation
import Kernels
import ModelFiles
import Transformer

/// Writes a model directory of 4 layers with random weights, 6 query heads on 2 KV heads, layers
/// with and without RoPE and a sliding window, and no tokenizer.
///
/// The values are such as BF16 and F16 both have, so that `type`, one of these or F32, changes
/// nothing but how they are written.
func writeRandomModel(
  to path: String, type: TensorElementType = .bfloat16, overwrite: Bool = false,
  change: (inout [String: Any]) -> Void = { _ in }
) throws {
  let model = try RandomModel(RandomModel.sampleConfiguration(), seed: 7)
  let configuration = model.configuration
  var json: [String: Any] = [
    "architectures": ["SmolLM3ForCausalLM"],
    "model_type": configuration.modelType,
    "hidden_size": configuration.hiddenSize,
    "intermediate_size": configuration.intermediateSize,
    "vocab_size": configuration.vocabularySize,
    "num_hidden_layers": configuration.layers.count,
    "num_attention_heads": configuration.queryHeads,
    "num_key_value_heads": configuration.keyValueHeads,
    "head_dim": configuration.headDimension,
    "rms_norm_eps": configuration.rmsNormEpsilon,
    "attention_bias": configuration.attentionBias,
    "mlp_bias": configuration.mlpBias,
    "tie_word_embeddings": configuration.tiedEmbeddings,
    "max_position_embeddings": configuration.maximumPositions,
    "rope_theta": configuration.ropes[0].theta,
    "use_sliding_window": true,
    "sliding_window": configuration.layers.compactMap(\.slidingWindow)[0],
    "layer_types": configuration.layers.map {
      $0.slidingWindow == nil ? "full_attention" : "sliding_attention"
    },
    "no_rope_layers": configuration.layers.map { $0.rope != nil ? 1 : 0 },
    "bos_token_id": 256,
    "eos_token_id": 257,
  ]
  change(&json)
  try ModelDirectory.write(
    to: path, configuration: JSONSerialization.data(withJSONObject: json),
    tensors: model.tensors.map { tensor in
      // A half has no numbers between multiples of 2^-24.
      let values = tensor.floats().map { BFloat16(($0 * 0x1p24).rounded() * 0x1p-24) }
      return switch type {
      case .float16:
        Tensor(
          name: tensor.name, elementType: type, shape: tensor.shape,
          copying: values.map { Float16($0.float) })
      case .float32:
        Tensor(
          name: tensor.name, elementType: type, shape: tensor.shape, copying: values.map(\.float))
      default:
        Tensor(name: tensor.name, elementType: type, shape: tensor.shape, copying: values)
      }
    }, overwrite: overwrite)
}
