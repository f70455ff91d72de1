import Foundation
import Kernels
import ModelFiles
import Transformer

/// A random model whose matrices are FP8 in a layout that checkpoints have, and the same model with
/// these weights unpacked.
package struct Float8Checkpoint {
  /// Written down here apart from the program's own.
  package enum Layout: CaseIterable, Sendable {
    /// Of Transformers and DeepSeek.
    case fineGrained, smallBlocks
    /// Of vLLM.
    case wholeMatrix
    /// Of compressed-tensors.
    case channels, tensors, blocks
  }

  /// What `config.json` says without quantization.
  package let settings: [String: Any]
  package let quantization: [String: Any]
  package let tensors: [Tensor]
  private let unpacked: [(tensor: TensorView, weights: [Float])]

  /// A layer that stays as it is.
  private static let unquantized = "model.layers.1.mlp.down_proj"

  package init(_ model: RandomModel, _ layout: Layout, settings: [String: Any]? = nil) {
    self.settings = settings ?? model.configuration.settings
    quantization = layout.configuration(ignoring: ["lm_head", Self.unquantized])
    var tensors: [Tensor] = []
    var unpacked: [(TensorView, [Float])] = []
    for tensor in model.tensors {
      let isKept = ["embed_tokens", "lm_head", Self.unquantized].contains {
        tensor.name.contains($0)
      }
      guard tensor.shape.count == 2, !isKept else {
        tensors.append(tensor.asTensor)
        unpacked.append((tensor, tensor.floats()))
        continue
      }
      let (outputs, inputs) = (tensor.shape[0], tensor.shape[1])
      let (rows, columns) = layout.block(outputs: outputs, inputs: inputs)
      let matrix = ScaledMatrix(
        tensor.floats(), rows: outputs, inputs: inputs, rowsPerScale: rows, inputsPerScale: columns)
      tensors.append(
        Tensor(
          name: tensor.name, elementType: .float8e4m3, shape: tensor.shape, copying: matrix.codes))
      tensors.append(layout.scales(of: tensor.name, matrix))
      unpacked.append((tensor, matrix.weights))
    }
    self.tensors = tensors
    self.unpacked = unpacked
  }

  /// `config.json`.
  package var configuration: Data {
    json(settings.merging(["quantization_config": quantization]) { $1 })
  }

  /// `config.json` of the unpacked weights.
  package var unpackedConfiguration: Data { json(settings) }

  /// All weights in BF16 or F32.
  package func unpackedTensors(_ type: TensorElementType) -> [Tensor] {
    unpacked.map { tensor, weights in
      type == .float32
        ? Tensor(name: tensor.name, elementType: type, shape: tensor.shape, copying: weights)
        : Tensor(
          name: tensor.name, elementType: .bfloat16, shape: tensor.shape,
          copying: weights.map(BFloat16.init))
    }
  }

  private func json(_ settings: [String: Any]) -> Data {
    try! JSONSerialization.data(withJSONObject: settings, options: .sortedKeys)
  }
}

extension Float8Checkpoint.Layout {
  /// Rows and inputs that have one scale.
  fileprivate func block(outputs: Int, inputs: Int) -> (rows: Int, inputs: Int) {
    switch self {
    case .fineGrained, .blocks: (128, 128)
    case .smallBlocks: (24, 40)
    case .wholeMatrix, .tensors: (outputs, inputs)
    case .channels: (1, inputs)
    }
  }

  fileprivate func scales(of name: String, _ matrix: ScaledMatrix) -> Tensor {
    let rows = (matrix.rows + matrix.rowsPerScale - 1) / matrix.rowsPerScale
    func tensor(
      _ suffix: String, _ shape: [Int], _ type: TensorElementType = .float32
    ) -> Tensor {
      let floats = Tensor(name: "", elementType: .float32, shape: shape, copying: matrix.scales)
      return TensorView(
        name: name.replacingOccurrences(of: ".weight", with: suffix), shape: shape,
        format: .float32, elements: floats.bytes.baseAddress!, owner: floats.owner
      ).converted(to: type)
    }
    let grid = [rows, matrix.scales.count / rows]
    switch self {
    case .fineGrained: return tensor(".weight_scale_inv", grid)
    case .smallBlocks: return tensor(".weight_scale_inv", grid, .bfloat16)
    case .wholeMatrix: return tensor(".weight_scale", [], .float16)
    case .channels: return tensor(".weight_scale", [matrix.rows, 1], .bfloat16)
    case .tensors: return tensor(".weight_scale", [1])
    case .blocks: return tensor(".weight_scale", grid, .bfloat16)
    }
  }

  /// `quantization_config`.
  fileprivate func configuration(ignoring names: [String]) -> [String: Any] {
    let strategy: String
    switch self {
    case .fineGrained, .smallBlocks:
      return [
        "quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic",
        "weight_block_size": self == .fineGrained ? [128, 128] : [24, 40],
        "modules_to_not_convert": names,
      ]
    case .wholeMatrix:
      return ["quant_method": "fp8", "activation_scheme": "dynamic", "ignored_layers": names]
    case .channels: strategy = "channel"
    case .tensors: strategy = "tensor"
    case .blocks: strategy = "block"
    }
    let inputs: [String: Any] = [
      "actorder": NSNull(), "block_structure": NSNull(), "dynamic": true, "group_size": NSNull(),
      "num_bits": 8, "observer": NSNull(), "observer_kwargs": [String: Any](),
      "strategy": "token", "symmetric": true, "type": "float",
    ]
    let weights = inputs.merging([
      "block_structure": self == .blocks ? [128, 128] : NSNull(), "dynamic": false,
      "observer": "minmax", "strategy": strategy,
    ]) { $1 }
    return [
      "quant_method": "compressed-tensors", "format": "float-quantized",
      "quantization_status": "compressed", "global_compression_ratio": NSNull(),
      "ignore": names, "kv_cache_scheme": NSNull(), "sparsity_config": [String: Any](),
      "transform_config": [String: Any](), "version": "0.12.2",
      "config_groups": [
        "group_0": [
          "input_activations": inputs, "output_activations": NSNull(), "targets": ["Linear"],
          "weights": weights,
        ] as [String: Any]
      ],
    ]
  }
}
