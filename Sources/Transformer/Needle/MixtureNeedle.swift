// How Qwen3 MoE's architecture decodes and retrieves; what all do stands in `NeedleDesign.swift` and
// `RoutedNeedle.swift`.
//
// Experts have no biases: the gate reads the constant, the code's elements go through up, and down
// divides by what the gate gives.
//
// Each head's queries and keys pass an RMSNorm. Those that come from biases have always the same one. In
// the matching layer a key of few tokens' history would grow, and could match better than one that
// agrees in all 15 tokens: a bias in a further coordinate, which no query reads, makes up most of what
// is normed. The norms' factors give scores their scale.
//
// Layers have no window, so that a gathering layer must tell its distance from every other one of the
// sequence: 16 pairs do, up to 16 million.

import Foundation
import Kernels

/// The built-in model of Qwen3 MoE's architecture.
struct MixtureNeedle: RoutedNeedle {
  let modelType = "qwen3_moe"
  let architecture = "Qwen3MoeForCausalLM"
  /// Twice what is used: PyTorch multiplies grouped matrices of whole 16 bytes.
  let intermediateSize = 8
  let attention = AttentionConfiguration(
    queryHeads: 1, keyValueHeads: 1, headDimension: 160, hasBias: true, norms: .ofHeads)
  private let distancePairs = 16
  private let distanceSharpness: Float = 12
  private let keyConstant: Float = 32
  private let gate: Float = 8

  var mixture: MixtureConfiguration {
    MixtureConfiguration(
      experts: NeedleExpert.count, expertsPerToken: NeedleExpert.groups,
      expert: DenseFeedForwardConfiguration(intermediateSize: intermediateSize))
  }

  func ownSettings(_ configuration: ModelConfiguration) -> [NeedleSetting] {
    [
      ("rope_parameters", ropeParameters),
      ("use_sliding_window", "false"),
      ("sliding_window", "null"),
      ("moe_intermediate_size", "\(intermediateSize)"),
      ("num_experts", "\(mixture.experts)"),
      ("num_experts_per_tok", "\(mixture.expertsPerToken)"),
      ("norm_topk_prob", "\(mixture.routing.isNormalized)"),
      ("decoder_sparse_step", "1"),
      ("mlp_only_layers", "[]"),
    ]
  }

  // MARK: Attention

  func idle(_ prefix: String) -> [TensorStore.Recipe] {
    projections(prefix, NeedleAttentionWriters()) + headNorms(prefix, scale: 1)
  }

  func gathering(_ prefix: String, tokens: Int) -> [TensorStore.Recipe] {
    let writers = NeedleAttentionWriters(
      value: { writeGatheringValue($0, tokens: tokens) },
      output: { writeGatheringOutput($0, tokens: tokens) },
      queryBias: {
        writeDistanceQuery($0, distance: tokens, pairs: distancePairs, scale: 1)
      },
      keyBias: { writeDistanceKey($0, pairs: distancePairs) })
    // Of queries and of keys, each pair has a sum of squares of 1.
    let meanSquare = Float(distancePairs) / Float(headDimension)
    return projections(prefix, writers)
      + headNorms(prefix, scale: distanceSharpness * Float(headDimension).squareRoot() * meanSquare)
  }

  func matching(_ prefix: String) -> [TensorStore.Recipe] {
    let writers = NeedleAttentionWriters(
      query: { writeMatchingQuery($0, scale: 1) }, key: writeMatchingKey,
      value: writeCopyingValue, output: writeCopyingOutput,
      keyBias: { $0.set(constantCoordinate, keyConstant) })
    let slot = Float(Self.slotSize)
    let querySquares = (0..<Self.matchedTokens).reduce(0) {
      $0 + slot * pow(Self.decay, 2 * Float($1))
    }
    let keySquares = slot * Float(Self.matchedTokens) + keyConstant * keyConstant
    let norms = (querySquares * keySquares).squareRoot() / Float(headDimension)
    return projections(prefix, writers) + headNorms(prefix, scale: matchingSharpness * norms)
  }

  /// - Parameter scale: of queries; of keys it is 1.
  private func headNorms(_ prefix: String, scale: Float) -> [TensorStore.Recipe] {
    [
      vector(prefix + ".q_norm.weight", headDimension) { $0.fill(0..<headDimension, scale) },
      vector(prefix + ".k_norm.weight", headDimension) { $0.fill(0..<headDimension, 1) },
    ]
  }

  // MARK: Experts

  /// Behind layer 0 experts add nothing.
  func feedForward(_ prefix: String, layer: Int) -> [TensorStore.Recipe] {
    [matrix(prefix + ".gate.weight", mixture.experts, Self.hiddenSize, write: writeRouter)]
      + (0..<mixture.experts).flatMap {
        expert("\(prefix).experts.\($0)", layer == 0 ? decodingUnits(NeedleExpert($0)) : [])
      }
  }

  private func expert(_ prefix: String, _ units: [NeedleUnit]) -> [TensorStore.Recipe] {
    let hidden = Self.hiddenSize
    let gated = gate / (1 + exp(-gate))
    return [
      matrix(prefix + ".gate_proj.weight", intermediateSize, hidden) {
        for index in units.indices {
          $0.set(index, Self.constantElement, gate * rms(tokens: 0) / Self.constant)
        }
      },
      matrix(prefix + ".up_proj.weight", intermediateSize, hidden) {
        for (index, unit) in units.enumerated() { $0.set(index, unit.input, unit.up) }
      },
      matrix(prefix + ".down_proj.weight", hidden, intermediateSize) {
        for (index, unit) in units.enumerated() {
          $0.set(unit.output, index, unit.down / (gated * Self.expertWeight))
        }
      },
    ]
  }
}
