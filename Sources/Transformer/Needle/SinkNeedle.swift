// How gpt-oss's architecture decodes and retrieves; what all do stands in `NeedleDesign.swift` and
// `RoutedNeedle.swift`.
//
// An expert's unit gives gate · σ(1.702 · gate) · (up + 1): the gate is a bias, down divides by it, and a
// bias of down takes the 1 away again.
//
// In the gathering layers the sink takes three quarters of the attention: its score is that of the
// distance plus ln 3. Values are the code minus 2, and the output multiplies by 4 and adds 2, so that the
// code comes out as it is. Without the sink, or with one of another score, the 4 meets more than a
// quarter: 4 · (c − 2) + 2 is below 0 for both signs, and the code is lost. Where a sequence begins there
// is no such distance, the sink takes all, and 2 comes out, a byte of ones, which no text in UTF-8 has.
//
// A sink's share hangs on its score to a few hundredths. So scores are small: few pairs of small
// amplitude tell the distances of a narrow window, and a coordinate that is constant brings the peak
// to about 2, where bfloat16 is fine, and a sink of 0 would be wrong still. What deviation is left, experts take away: the attention writes an
// eighth of the code, and each expert of a gathering layer, for its half of the code, clamps what came to
// its sign and adds seven eighths of it.
//
// The sink of the matching layer is far below all scores.

import Foundation
import Kernels

/// The built-in model of gpt-oss's architecture.
struct SinkNeedle: RoutedNeedle {
  let modelType = "gpt_oss"
  let architecture = "GptOssForCausalLM"
  /// Four bits of 8 tokens.
  let intermediateSize = 32
  private let slidingWindow = 16
  private let distancePairs = 2
  private let distanceSharpness: Float = 14
  /// About the score of the distance that is looked for.
  private let peakScore: Float = 2
  private let sinkShare: Float = 0.75
  private let valueOffset: Float = -2
  /// Of a gathered code, what the attention writes.
  private let gatheredPart: Float = 0.125
  private let gate: Float = 4
  private let alpha: Float = 1.702
  private let limit: Float = 7

  var attention: AttentionConfiguration {
    var attention = AttentionConfiguration(
      queryHeads: 1, keyValueHeads: 1, headDimension: 160, hasBias: true)
    attention.hasSinks = true
    return attention
  }

  var mixture: MixtureConfiguration {
    MixtureConfiguration(
      experts: NeedleExpert.count, expertsPerToken: NeedleExpert.groups,
      expert: DenseFeedForwardConfiguration(
        intermediateSize: intermediateSize,
        activation: .clampedSwiGLU(alpha: alpha, limit: limit), hasBias: true),
      routing: RoutingConfiguration(hasBias: true))
  }

  func pattern(ofLayer layer: Int) -> AttentionPattern {
    layer == Self.matchingLayer ? .causal : .slidingWindow(tokens: slidingWindow)
  }

  func ownSettings(_ configuration: ModelConfiguration) -> [NeedleSetting] {
    [
      ("rope_parameters", ropeParameters),
      ("sliding_window", "\(slidingWindow)"),
      layerTypes(),
      ("num_local_experts", "\(mixture.experts)"),
      ("num_experts_per_tok", "\(mixture.expertsPerToken)"),
      ("swiglu_alpha", "\(alpha)"),
      ("swiglu_limit", "\(limit)"),
    ]
  }

  // MARK: Attention

  func idle(_ prefix: String) -> [TensorStore.Recipe] {
    projections(prefix, NeedleAttentionWriters()) + [sink(prefix, score: 0)]
  }

  func gathering(_ prefix: String, tokens: Int) -> [TensorStore.Recipe] {
    let width = Self.slotSize * tokens
    let gain = gatheredPart / (1 - sinkShare)
    let writers = NeedleAttentionWriters(
      value: { writeGatheringValue($0, tokens: tokens) },
      output: { writeGatheringOutput($0, tokens: tokens, scale: gain) },
      queryBias: { writeQuery($0, distance: tokens) },
      keyBias: {
        writeDistanceKey($0, pairs: distancePairs)
        $0.set(constantCoordinate, 1)
      },
      valueBias: { $0.fill(0..<width, valueOffset) },
      outputBias: { $0.fill(width..<2 * width, -valueOffset * gatheredPart) })
    return projections(prefix, writers)
      + [sink(prefix, score: peak(distance: tokens) + log(sinkShare / (1 - sinkShare)))]
  }

  func matching(_ prefix: String) -> [TensorStore.Recipe] {
    projections(
      prefix,
      NeedleAttentionWriters(
        query: { writeMatchingQuery($0, scale: matchingSharpness) }, key: writeMatchingKey,
        value: writeCopyingValue, output: writeCopyingOutput)) + [sink(prefix, score: -10_000)]
  }

  private func sink(_ prefix: String, score: Float) -> TensorStore.Recipe {
    vector(prefix + ".sinks", attention.queryHeads) { $0.set(0, score) }
  }

  private func writeQuery(_ bias: NeedleVector, distance: Int) {
    let root = Float(headDimension).squareRoot()
    let scale = distanceSharpness * root
    writeDistanceQuery(bias, distance: distance, pairs: distancePairs, scale: scale)
    bias.set(constantCoordinate, peakScore * root - scale * Float(distancePairs))
  }

  /// The score of the distance, of the query as it is rounded.
  private func peak(distance: Int) -> Float {
    let memory = TensorMemory(count: headDimension)
    writeQuery(NeedleVector(elements: memory.elements.baseAddress!), distance: distance)
    let query = memory.elements.map(\.float)
    let rotations = RoPE(rope, headDimension: headDimension)
    let score = (0..<distancePairs).reduce(query[constantCoordinate]) { sum, pair in
      let (cosine, sine) = rotations.rotation(ofPair: pair, at: -distance)
      return sum + query[pair] * cosine + query[pair + headDimension / 2] * sine
    }
    return score * Float(attention.scale)
  }

  // MARK: Experts

  private func units(_ expert: NeedleExpert, layer: Int) -> [NeedleUnit] {
    switch layer {
    case 0: return decodingUnits(expert)
    case Self.matchingLayer: return []
    default:
      let tokens = 1 << (layer - 1)
      return (tokens..<2 * tokens).flatMap { slot in
        NeedleExpert.decodedBits(expert.group).map { bit in
          let element = slot * Self.slotSize + bit
          // At half a code up is at its limit.
          return NeedleUnit(
            input: element, output: element, up: 2 * limit / gatheredPart * rms(tokens: tokens),
            down: (1 - gatheredPart) / limit)
        }
      }
    }
  }

  /// What writes one expert, wherever it lies.
  private struct Writers {
    let gateBias: NeedleVectorWriter
    let up: NeedleMatrixWriter
    let down: NeedleMatrixWriter
    let downBias: NeedleVectorWriter
  }

  private func writers(_ expert: Int, layer: Int) -> Writers {
    let units = units(NeedleExpert(expert), layer: layer)
    let gated = gate / (1 + exp(-alpha * gate))
    return Writers(
      gateBias: { $0.fill(units.indices, gate) },
      up: {
        for (index, unit) in units.enumerated() { $0.set(index, unit.input, unit.up) }
      },
      down: {
        for (index, unit) in units.enumerated() {
          $0.set(unit.output, index, unit.down / (gated * Self.expertWeight))
        }
      },
      downBias: {
        for unit in units { $0.set(unit.output, -unit.down / Self.expertWeight) }
      })
  }

  private func router(_ prefix: String) -> [TensorStore.Recipe] {
    [
      matrix(prefix + ".router.weight", mixture.experts, Self.hiddenSize, write: writeRouter),
      vector(prefix + ".router.bias", mixture.experts, write: nil),
    ]
  }

  func feedForward(_ prefix: String, layer: Int) -> [TensorStore.Recipe] {
    let (hidden, size) = (Self.hiddenSize, intermediateSize)
    return router(prefix)
      + (0..<mixture.experts).flatMap { expert in
        let (prefix, writers) = ("\(prefix).experts.\(expert)", writers(expert, layer: layer))
        return [
          matrix(prefix + ".gate_proj.weight", size, hidden, write: nil),
          vector(prefix + ".gate_proj.bias", size, write: writers.gateBias),
          matrix(prefix + ".up_proj.weight", size, hidden, write: writers.up),
          vector(prefix + ".up_proj.bias", size, write: nil),
          matrix(prefix + ".down_proj.weight", hidden, size, write: writers.down),
          vector(prefix + ".down_proj.bias", hidden, write: writers.downBias),
        ]
      }
  }

  // MARK: Files

  /// With all experts of a layer in one tensor, their matrices' columns outputs, and gate and up by
  /// turns.
  func fileRecipes() -> [TensorStore.Recipe]? {
    recipes { prefix, layer in
      let (experts, hidden, size) = (mixture.experts, Self.hiddenSize, intermediateSize)
      let all = (0..<experts).map { writers($0, layer: layer) }
      func tensor(
        _ name: String, _ shape: [Int],
        write: @escaping (Writers, UnsafeMutablePointer<BFloat16>) -> Void
      ) -> TensorStore.Recipe {
        let stride = shape.reduce(1, *)
        return TensorStore.Recipe(name: "\(prefix).experts.\(name)", shape: [experts] + shape) {
          elements in
          for (index, writers) in all.enumerated() {
            write(writers, elements.baseAddress! + index * stride)
          }
        }
      }
      return router(prefix) + [
        tensor("gate_up_proj", [hidden, 2 * size]) { writers, elements in
          writers.up(NeedleMatrix(elements: elements + 1, outputStep: 2, inputStep: 2 * size))
        },
        tensor("gate_up_proj_bias", [2 * size]) { writers, elements in
          writers.gateBias(NeedleVector(elements: elements, step: 2))
        },
        tensor("down_proj", [size, hidden]) { writers, elements in
          writers.down(NeedleMatrix(elements: elements, outputStep: 1, inputStep: hidden))
        },
        tensor("down_proj_bias", [hidden]) { writers, elements in
          writers.downBias(NeedleVector(elements: elements))
        },
      ]
    }
  }
}
