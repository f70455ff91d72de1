// The built-in models whose experts decode.
//
// The embedding writes a token's code scrambled, into elements of its own: the high four bits with a
// pattern of signs that follows from the byte's lowest three bits, the low four with one that follows
// from its highest three. These six bits stand beside it as ±1, and a constant.
//
// There are two groups of eight experts. Each token goes to one of each group, with equal weights: the
// router reads the six bits. An expert knows one pattern, undoes it, and writes its half of the code
// to slot 0. Any two patterns differ in two places at least, so that a byte that goes to a wrong expert
// is another byte.
//
// That is layer 0, whose attention adds nothing. Layers 1 to 4 gather, layer 5 matches. Routers are the
// same in all layers.
//
// All layers of these families rotate. With the base 1e38 and 80 pairs, pair j turns by 10^(−38j/80) a
// token: those from 19 on turn by less than 0.02 in 16 million tokens, and what stands in their
// coordinates is compared as without RoPE; the faster ones tell distances.
//
// The constant is so large that it makes up most of the RMS as long as there is little history: special
// tokens, whose codes are half as large, have nearly the same.

import Foundation
import Kernels

/// A built-in model whose experts decode.
protocol RoutedNeedle: NeedleDesign {
  var mixture: MixtureConfiguration { get }
  func pattern(ofLayer layer: Int) -> AttentionPattern

  /// - Parameters:
  ///   - prefix: such as `model.layers.0.self_attn`.
  ///   - tokens: whose codes are there before.
  func gathering(_ prefix: String, tokens: Int) -> [TensorStore.Recipe]
  /// - Parameter prefix: such as `model.layers.0.self_attn`.
  func matching(_ prefix: String) -> [TensorStore.Recipe]
  /// An attention that adds nothing.
  func idle(_ prefix: String) -> [TensorStore.Recipe]
  /// - Parameter prefix: such as `model.layers.0.mlp`.
  func feedForward(_ prefix: String, layer: Int) -> [TensorStore.Recipe]
}

/// One expert of a layer.
struct NeedleExpert {
  /// 0 decodes the high four bits, 1 the low four.
  let group: Int
  /// In the group.
  let number: Int

  static let perGroup = 8
  static let groups = 2
  static let count = groups * perGroup

  init(_ index: Int) {
    (group, number) = index.quotientAndRemainder(dividingBy: Self.perGroup)
  }

  /// The bits of a token that its groups' routing reads.
  static func routingBits(_ group: Int) -> Range<Int> { group == 0 ? 0..<3 : 5..<8 }

  /// The bits of the code that its experts know.
  static func decodedBits(_ group: Int) -> Range<Int> { group == 0 ? 4..<8 : 0..<4 }
}

/// One of an expert's intermediate elements: reads one element of the hidden state and adds to another.
struct NeedleUnit {
  let input: Int
  let output: Int
  /// What the normed input is multiplied by.
  let up: Float
  /// What the product is multiplied by.
  let down: Float
}

extension RoutedNeedle {
  static var scrambledElement: Int { outputElement + slotSize }
  static var routingElement: Int { scrambledElement + slotSize }
  static var constantElement: Int { routingElement + 6 }
  static var constant: Float { 16 }
  /// What the router gives each of a token's two experts.
  static var expertWeight: Float { 0.5 }
  static var matchingLayer: Int { gatheringLayers + 1 }
  /// A power of two, so that both experts' scores are equal to the last bit.
  private static var routingScale: Float { 4 }
  private static var firstSlowPair: Int { 19 }

  var rope: RoPEParameters { RoPEParameters(theta: 1e38) }
  /// Of a coordinate that no rotation moves and no code takes.
  var constantCoordinate: Int { headDimension / 2 - 1 }

  var layers: [LayerConfiguration] {
    (0...Self.matchingLayer).map {
      LayerConfiguration(
        attention: attention, rope: rope, pattern: pattern(ofLayer: $0),
        feedForward: .mixture(mixture))
    }
  }

  func pattern(ofLayer layer: Int) -> AttentionPattern { .causal }

  /// As a value in `config.json`.
  var ropeParameters: String {
    "{\"rope_type\": \"default\", \"rope_theta\": \(rope.theta)}"
  }

  func rms(tokens: Int) -> Float {
    let ones = Float(Self.slotSize * tokens + Self.slotSize + 6)
    return ((Self.constant * Self.constant + ones) / Float(Self.hiddenSize)).squareRoot()
  }

  /// Half of the elements in first coordinates of slow pairs, half in second ones.
  func matchingCoordinate(_ index: Int) -> Int {
    let half = Self.matchedTokens * Self.slotSize / 2
    return Self.firstSlowPair + (index < half ? index : index - half + headDimension / 2)
  }

  // MARK: Tensors

  func recipes() -> [TensorStore.Recipe] { recipes(feedForward: feedForward) }

  /// - Parameter feedForward: the router and the experts of a layer, behind its prefix.
  func recipes(
    feedForward: (_ prefix: String, _ layer: Int) -> [TensorStore.Recipe]
  ) -> [TensorStore.Recipe] {
    let (vocabulary, hidden) = (Self.vocabularySize, Self.hiddenSize)
    return [matrix("model.embed_tokens.weight", vocabulary, hidden, write: writeEmbedding)]
      + (0...Self.matchingLayer).flatMap { layer in
        let prefix = "model.layers.\(layer)"
        return attention(prefix + ".self_attn", layer: layer)
          + [
            norm(prefix + ".input_layernorm.weight"),
            norm(prefix + ".post_attention_layernorm.weight"),
          ] + feedForward(prefix + ".mlp", layer)
      }
      + [norm("model.norm.weight"), matrix("lm_head.weight", vocabulary, hidden, write: writeHead)]
  }

  private func attention(_ prefix: String, layer: Int) -> [TensorStore.Recipe] {
    switch layer {
    case 0: idle(prefix)
    case Self.matchingLayer: matching(prefix)
    default: gathering(prefix, tokens: 1 << (layer - 1))
    }
  }

  // MARK: Embedding and experts

  /// The signs that expert `number` of a group knows, for the four bits that it decodes: those of its
  /// number's bits, and their product.
  private func pattern(_ number: Int, _ index: Int) -> Float {
    index < 3
      ? sign(number, bit: index) : (0..<3).reduce(1) { $0 * sign(number, bit: $1) }
  }

  private func writeEmbedding(_ matrix: NeedleMatrix) {
    for token in 0..<Self.vocabularySize {
      matrix.set(token, Self.constantElement, Self.constant)
      for group in 0..<NeedleExpert.groups {
        let routing = NeedleExpert.routingBits(group)
        for (index, bit) in routing.enumerated() {
          matrix.set(token, Self.routingElement + 3 * group + index, sign(token, bit: bit))
        }
        let number = token >> routing.lowerBound & 7
        for (index, bit) in NeedleExpert.decodedBits(group).enumerated() {
          matrix.set(
            token, Self.scrambledElement + bit, code(token, bit: bit) * pattern(number, index))
        }
      }
    }
  }

  func writeRouter(_ matrix: NeedleMatrix) {
    for index in 0..<NeedleExpert.count {
      let expert = NeedleExpert(index)
      for bit in 0..<3 {
        matrix.set(
          index, Self.routingElement + 3 * expert.group + bit,
          Self.routingScale * sign(expert.number, bit: bit))
      }
    }
  }

  /// What an expert of layer 0 does: undo its pattern.
  func decodingUnits(_ expert: NeedleExpert) -> [NeedleUnit] {
    NeedleExpert.decodedBits(expert.group).enumerated().map { index, bit in
      NeedleUnit(
        input: Self.scrambledElement + bit, output: bit,
        up: pattern(expert.number, index) * rms(tokens: 0), down: 1)
    }
  }
}
