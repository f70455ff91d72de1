import Foundation
import Inference
import Kernels
import MPI
import ModelFiles
import RankTesting
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

  /// - Parameter type: of the elements as they are written; their values must be in its range.
  func write(
    configuration: Data, generation: Data? = nil, tensors: [TensorView],
    type: TensorElementType = .bfloat16
  ) throws {
    try ModelDirectory.write(
      to: path, configuration: configuration, generationConfiguration: generation,
      tensors: tensors.map { $0.converted(to: type) }, overwrite: true)
  }

  /// The model, its weights for the ranks of `host`; for this rank alone without one.
  @MPIThread func load(
    _ precision: Precision, host: Communicator? = nil, threads: Int = 1
  ) throws -> Model {
    try ModelOutline(directory: directory, precision: precision).load(
      host: try host ?? MPIEnvironment.communicatorOfThisRank(),
      team: ThreadTeam(threads: threads, spins: 0))
  }
}

extension TensorView {
  var asTensor: Tensor {
    Tensor(
      name: name, elementType: precision == .bf16 ? .bfloat16 : .float32, shape: shape,
      bytes: UnsafeRawBufferPointer(start: elements, count: bytes), owner: owner)
  }

  /// In bfloat16, what is nearest of the numbers that a half has, too: it has none between multiples
  /// of 2^-24.
  var asHalves: TensorView {
    let tensor = Tensor(
      name: name, elementType: .bfloat16, shape: shape,
      copying: floats().map { BFloat16(($0 * 0x1p24).rounded() * 0x1p-24) })
    return TensorView(
      name: name, shape: shape, precision: .bf16, elements: tensor.bytes.baseAddress!,
      owner: tensor.owner)
  }

  /// The same numbers, rounded where the type has less room for them.
  func converted(to type: TensorElementType) -> Tensor {
    switch type {
    case .bfloat16 where precision == .bf16: asTensor
    case .bfloat16:
      Tensor(name: name, elementType: type, shape: shape, copying: floats().map(BFloat16.init))
    case .float16:
      Tensor(name: name, elementType: type, shape: shape, copying: floats().map { Float16($0) })
    case .float32: Tensor(name: name, elementType: type, shape: shape, copying: floats())
    default: preconditionFailure("no \(type) here")
    }
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

extension Model {
  @MPIThread static func builtIn() throws -> Model {
    try ModelOutline.builtIn().load(
      host: MPIEnvironment.communicatorOfThisRank(), team: ThreadTeam(threads: 1))
  }
}
