// What the built-in models have in common.
//
// A token's code c(t) is its 8 bits as ±1; the special tokens have half of their low 8 bits' code.
// The hidden state has 16 history slots of 8 elements (slot m: the code of the token m places
// back), then one output slot of 8, then what a design has of its own.
//
// Four gathering layers double the history: with a = 1, 2, 4, 8 each reads slots 0…a−1 of the token
// a places back and writes them to slots a…2a−1. Queries and keys come from biases alone, so that
// RoPE makes the score a function of distance: with frequencies w_j, k = (1, 0) in every pair j, and
// q = s · (cos(−a·w_j), sin(−a·w_j)). Turned to positions m and n they give the score
// Σ s · cos((m − n + a) · w_j), whose peak is at the distance n − m = a.
//
// The last layer matches: the query's slot m = 0…14, scaled by 0.9^m, meets the key's slot m + 1 in
// the same coordinates, so that the score at position j counts the bits in which the last 15 tokens
// agree with the 15 before j. The value is slot 0, the token at j, and goes to the output slot, which
// the head compares with every code.
//
// The norms of the hidden state are 1. Its RMS before each layer is known, and what reads it multiplies
// by that to undo the norm.

import Foundation
import Kernels

/// A member of an object of JSON, its value as it stands there.
typealias NeedleSetting = (key: String, json: String)

/// How one of the built-in models is made.
protocol NeedleDesign: Sendable {
  /// As in `config.json`.
  var modelType: String { get }
  var architecture: String { get }
  /// Of a dense feed-forward, or an expert.
  var intermediateSize: Int { get }
  var attention: AttentionConfiguration { get }
  /// Of the layers that have one.
  var rope: RoPEParameters { get }
  var layers: [LayerConfiguration] { get }

  /// All tensors, under the names that the family asks for. What a recipe does not write is zero.
  func recipes() -> [TensorStore.Recipe]
  /// The same as files of the family have them; nil where that is no different.
  func fileRecipes() -> [TensorStore.Recipe]?
  /// What stands in `config.json` besides the settings that all designs have.
  func ownSettings(_ configuration: ModelConfiguration) -> [NeedleSetting]

  /// What undoes the norm of a hidden state whose history has the codes of so many tokens.
  func rms(tokens: Int) -> Float
  /// Which coordinate of a head compares element `index` of the history in the matching layer.
  func matchingCoordinate(_ index: Int) -> Int
}

extension NeedleDesign {
  static var hiddenSize: Int { 256 }
  static var vocabularySize: Int { 258 }
  static var slotSize: Int { 8 }
  static var historySlots: Int { 16 }
  static var historySize: Int { slotSize * historySlots }
  static var outputElement: Int { historySize }
  static var gatheringLayers: Int { 4 }
  static var matchedTokens: Int { historySlots - 1 }
  static var decay: Float { 0.9 }
  static var headScale: Float { 10 }

  var headDimension: Int { attention.headDimension }
  /// Of what agrees in a bit of the token before; the factor of the score's own scale undone.
  var matchingSharpness: Float { 40 * Float(headDimension).squareRoot() }

  func fileRecipes() -> [TensorStore.Recipe]? { nil }

  func configuration() throws -> ModelConfiguration {
    var configuration = try ModelConfiguration(
      modelType: modelType, hiddenSize: Self.hiddenSize,
      vocabulary: VocabularyConfiguration(size: Self.vocabularySize, isTied: false),
      normalization: NormalizationConfiguration(epsilon: 1e-6),
      sequence: SequenceConfiguration(
        maximumPositions: 16_777_216, beginningToken: NeedleModel.beginningOfSequenceToken,
        endTokens: [NeedleModel.endOfSequenceToken]),
      layers: layers)
    // The last layer is the one that looks through all of the context.
    configuration.runsLastLayerWhole = true
    return configuration
  }

  func sharedSettings(_ configuration: ModelConfiguration) -> [NeedleSetting] {
    [
      ("architectures", "[\"\(architecture)\"]"),
      ("model_type", "\"\(modelType)\""),
      ("torch_dtype", "\"bfloat16\""),
      ("vocab_size", "\(configuration.vocabulary.size)"),
      ("hidden_size", "\(configuration.hiddenSize)"),
      ("intermediate_size", "\(intermediateSize)"),
      ("num_hidden_layers", "\(configuration.layers.count)"),
      ("num_attention_heads", "\(attention.queryHeads)"),
      ("num_key_value_heads", "\(attention.keyValueHeads)"),
      ("head_dim", "\(headDimension)"),
      ("hidden_act", "\"silu\""),
      ("rms_norm_eps", "\(configuration.normalization.epsilon)"),
      ("attention_bias", "\(attention.hasBias)"),
      ("attention_dropout", "0.0"),
      ("tie_word_embeddings", "\(configuration.vocabulary.isTied)"),
      ("max_position_embeddings", "\(configuration.sequence.maximumPositions)"),
    ]
  }

  /// `layer_types`, for the families that list them.
  func layerTypes() -> NeedleSetting {
    let types = layers.map {
      $0.pattern == .causal ? "\"full_attention\"" : "\"sliding_attention\""
    }
    return ("layer_types", "[\(types.joined(separator: ", "))]")
  }
}
