// How the weights retrieve.
//
// A token's code c(t) is its 8 bits as ±1; the special tokens have half of their low 8 bits' code.
// The hidden state has 16 history slots of 8 elements (slot m: the code of the token m places
// back), then one output slot of 8. The embedding writes slot 0.
//
// Layer i = 0…3 doubles the history: with a = 2^i it reads slots 0…a−1 of the token a places back
// and writes them to slots a…2a−1. Its queries and keys come from biases alone, so that RoPE makes
// the score a function of distance: with frequencies w_j, k = (1, 0) in every pair j, and
// q = 40 · (cos(−a·w_j), sin(−a·w_j)). Turned to positions m and n they give the score
// Σ 40 · cos((m − n + a) · w_j), whose peak is at the distance n − m = a.
//
// Layer 4 matches: the query's slot m = 0…14, scaled by 0.9^m · 40 · √128, meets the key's slot
// m + 1 in the same coordinates, so that the score at position j counts the bits in which the last
// 15 tokens agree with the 15 before j. The value is slot 0, the token at j, and goes to the output
// slot, which the head compares with every code.
//
// All norms are 1. Before layer i the history has 8 · 2^i elements of ±1 among 256, so its RMS is
// √(8 · 2^i / 256); what reads it multiplies by that to undo the norm.

import Foundation
import Kernels

extension NeedleModel {
  private static let slotSize = 8
  private static let historySlots = 16
  private static let outputSlot = historySlots
  private static let matchedTokens = historySlots - 1
  private static let sharpness: Float = 40
  private static let decay: Float = 0.9
  private static let headScale: Float = 10

  /// The elements of a matrix `[outputs][inputs]` to be written.
  private struct Matrix {
    let elements: UnsafeMutableBufferPointer<BFloat16>
    let inputs: Int

    func set(_ output: Int, _ input: Int, _ value: Float) {
      elements[output * inputs + input] = BFloat16(value)
    }
  }

  /// All tensors, under SmolLM3's names. What a recipe does not write is zero.
  static func recipes() -> [TensorStore.Recipe] {
    [matrix("model.embed_tokens.weight", vocabularySize, hiddenSize, fill: writeEmbedding)]
      + (0..<gatheringLayers).flatMap { layer in
        attention(
          layer, query: nil, key: nil, value: { writeGatheringValue($0, layer: layer) },
          output: { writeGatheringOutput($0, layer: layer) },
          queryBias: { writeDistanceQuery($0, distance: 1 << layer) }, keyBias: writeDistanceKey)
          + rest(layer)
      }
      + attention(
        gatheringLayers, query: writeMatchingQuery, key: writeMatchingKey, value: writeCopyingValue,
        output: writeCopyingOutput, queryBias: nil, keyBias: nil)
      + rest(gatheringLayers)
      + [
        ones("model.norm.weight"),
        matrix("lm_head.weight", vocabularySize, hiddenSize, fill: writeHead),
      ]
  }

  // MARK: Tensors of a layer

  private typealias MatrixWriter = (Matrix) -> Void
  private typealias VectorWriter = (UnsafeMutableBufferPointer<BFloat16>) -> Void

  private static func matrix(
    _ name: String, _ outputs: Int, _ inputs: Int, fill: MatrixWriter?
  ) -> TensorStore.Recipe {
    TensorStore.Recipe(name: name, shape: [outputs, inputs]) {
      fill?(Matrix(elements: $0, inputs: inputs))
    }
  }

  private static func vector(_ name: String, _ count: Int, fill: VectorWriter?)
    -> TensorStore.Recipe
  {
    TensorStore.Recipe(name: name, shape: [count]) { fill?($0) }
  }

  private static func ones(_ name: String) -> TensorStore.Recipe {
    vector(name, hiddenSize) { $0.update(repeating: BFloat16(1)) }
  }

  private static func attention(
    _ layer: Int, query: MatrixWriter?, key: MatrixWriter?, value: @escaping MatrixWriter,
    output: @escaping MatrixWriter, queryBias: VectorWriter?, keyBias: VectorWriter?
  ) -> [TensorStore.Recipe] {
    let prefix = "model.layers.\(layer).self_attn"
    return [
      matrix(prefix + ".q_proj.weight", headDimension, hiddenSize, fill: query),
      vector(prefix + ".q_proj.bias", headDimension, fill: queryBias),
      matrix(prefix + ".k_proj.weight", headDimension, hiddenSize, fill: key),
      vector(prefix + ".k_proj.bias", headDimension, fill: keyBias),
      matrix(prefix + ".v_proj.weight", headDimension, hiddenSize, fill: value),
      vector(prefix + ".v_proj.bias", headDimension, fill: nil),
      matrix(prefix + ".o_proj.weight", hiddenSize, headDimension, fill: output),
      vector(prefix + ".o_proj.bias", hiddenSize, fill: nil),
    ]
  }

  /// Norms of one, and an MLP that adds nothing.
  private static func rest(_ layer: Int) -> [TensorStore.Recipe] {
    let prefix = "model.layers.\(layer)"
    return [
      ones(prefix + ".input_layernorm.weight"),
      ones(prefix + ".post_attention_layernorm.weight"),
      matrix(prefix + ".mlp.gate_proj.weight", intermediateSize, hiddenSize, fill: nil),
      matrix(prefix + ".mlp.up_proj.weight", intermediateSize, hiddenSize, fill: nil),
      matrix(prefix + ".mlp.down_proj.weight", hiddenSize, intermediateSize, fill: nil),
    ]
  }

  // MARK: Embedding and head

  /// Element `bit` of the token's code.
  private static func code(_ token: Int, bit: Int) -> Float {
    let sign: Float = token >> bit & 1 == 1 ? 1 : -1
    return token < 256 ? sign : sign / 2
  }

  private static func writeEmbedding(_ matrix: Matrix) {
    for token in 0..<vocabularySize {
      for bit in 0..<slotSize {
        matrix.set(token, bit, code(token, bit: bit))
      }
    }
  }

  private static func writeHead(_ matrix: Matrix) {
    for token in 0..<vocabularySize {
      for bit in 0..<slotSize {
        matrix.set(token, outputSlot * slotSize + bit, headScale * code(token, bit: bit))
      }
    }
  }

  // MARK: Layers 0…3: gather

  /// What undoes the norm before layer `layer`.
  private static func historyRMS(_ layer: Int) -> Float {
    (Float(slotSize << layer) / Float(hiddenSize)).squareRoot()
  }

  private static func writeDistanceQuery(
    _ bias: UnsafeMutableBufferPointer<BFloat16>, distance: Int
  ) {
    let rope = RoPE(RoPEParameters(theta: ropeTheta), headDimension: headDimension)
    for pair in 0..<headDimension / 2 {
      let (cosine, sine) = rope.rotation(ofPair: pair, at: -distance)
      bias[pair] = BFloat16(sharpness * cosine)
      bias[pair + headDimension / 2] = BFloat16(sharpness * sine)
    }
  }

  private static func writeDistanceKey(_ bias: UnsafeMutableBufferPointer<BFloat16>) {
    bias[..<(headDimension / 2)].update(repeating: BFloat16(1))
  }

  private static func writeGatheringValue(_ matrix: Matrix, layer: Int) {
    for element in 0..<slotSize << layer {
      matrix.set(element, element, historyRMS(layer))
    }
  }

  private static func writeGatheringOutput(_ matrix: Matrix, layer: Int) {
    let width = slotSize << layer
    for element in 0..<width {
      matrix.set(width + element, element, 1)
    }
  }

  // MARK: Layer 4: match and copy

  private static func writeMatchingQuery(_ matrix: Matrix) {
    let scale = sharpness * Float(headDimension).squareRoot() * historyRMS(gatheringLayers)
    for slot in 0..<matchedTokens {
      for element in slot * slotSize..<(slot + 1) * slotSize {
        matrix.set(element, element, scale * pow(decay, Float(slot)))
      }
    }
  }

  private static func writeMatchingKey(_ matrix: Matrix) {
    for element in 0..<matchedTokens * slotSize {
      matrix.set(element, element + slotSize, historyRMS(gatheringLayers))
    }
  }

  private static func writeCopyingValue(_ matrix: Matrix) {
    for element in 0..<slotSize {
      matrix.set(element, element, historyRMS(gatheringLayers))
    }
  }

  private static func writeCopyingOutput(_ matrix: Matrix) {
    for element in 0..<slotSize {
      matrix.set(outputSlot * slotSize + element, element, 1)
    }
  }
}
