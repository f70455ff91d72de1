import Foundation
import Kernels
import Transformer

/// `ReferenceDecoder` in one type of number.
struct ReferencePass<Scalar: BinaryFloatingPoint> {
  /// `[positions][width]`
  typealias Rows = [[Scalar]]

  private let weights: ModelWeights
  private let configuration: ModelConfiguration
  private let roundsInputs: Bool

  init(_ weights: ModelWeights, roundsInputs: Bool) {
    self.weights = weights
    self.configuration = weights.configuration
    self.roundsInputs = roundsInputs
  }

  /// `[positions][vocabularySize]`
  func logits(of tokens: [Int]) -> [Scalar] {
    let embedding: Rows = rows(of: weights.embedding)
    let scale = Scalar(configuration.vocabulary.embeddingScale)
    var hidden = tokens.map { embedding[$0].map { $0 * scale } }
    for (layer, weights) in zip(configuration.layers, weights.layers) {
      var attended = attention(norm(hidden, weights.attentionNorm), weights.attention, layer)
      if configuration.normalization.hasOutputNorms {
        attended = norm(attended, weights.attentionOutputNorm)
      }
      hidden = sum(hidden, attended)
      var added = feedForward(norm(hidden, weights.feedForwardNorm), weights.feedForward)
      if configuration.normalization.hasOutputNorms {
        added = norm(added, weights.feedForwardOutputNorm)
      }
      hidden = sum(hidden, added)
      if layer.hasOutputScale {
        hidden = hidden.map { $0.map { $0 * Scalar(weights.outputScale) } }
      }
    }
    return linear(norm(hidden, weights.finalNorm), weights.head).flatMap { row in
      row.map { capped($0, configuration.vocabulary.logitSoftCap) }
    }
  }

  // MARK: The blocks

  private func attention(_ x: Rows, _ weights: AttentionWeights, _ layer: LayerConfiguration)
    -> Rows
  {
    let d = layer.attention.headDimension
    /// Rows of heads, normalized where the model does so, and clamped.
    func normed(_ rows: Rows, _ scale: [Float]) -> Rows {
      rows.map { row in
        let row =
          scale.isEmpty
          ? row : row.indices(by: scale.count).flatMap { norm([Array(row[$0])], scale)[0] }
        guard let clip = layer.attention.clip.map({ Scalar($0) }) else { return row }
        return row.map { min(max($0, -clip), clip) }
      }
    }
    /// Each head turned to its position.
    func placed(_ rows: Rows) -> Rows {
      rows.enumerated().map { position, row in
        row.indices(by: d).flatMap { head in
          rotated(Array(row[head]), at: position, of: x.count, layer).map(input)
        }
      }
    }
    let projectedKeys = linear(x, weights.key)
    let projectedValues = weights.value.map { linear(x, $0) } ?? projectedKeys
    let queries = placed(normed(linear(x, weights.query), weights.queryNorm))
    let keys = placed(normed(projectedKeys, weights.keyNorm))
    let values = normed(
      projectedValues, layer.attention.hasValueNorms ? [Float](repeating: 1, count: d) : []
    ).map { $0.map(input) }

    let attended = queries.indices.map { position in
      (0..<layer.attention.queryHeads).flatMap { head in
        let first = layer.pattern.slidingWindow.map { max(0, position - $0 + 1) } ?? 0
        return attend(
          queries[position], head: head, layer.attention, keys: keys[first...position],
          values: values[first...position],
          sink: weights.sinks.isEmpty ? -.infinity : Scalar(weights.sinks[head]))
      }
    }
    return linear(attended, weights.output)
  }

  /// One query head at one position: softmax(q·k · scale, capped) · v over the keys that it sees, of
  /// which the sink is one whose value is 0.
  private func attend(
    _ query: [Scalar], head: Int, _ attention: AttentionConfiguration,
    keys: ArraySlice<[Scalar]>, values: ArraySlice<[Scalar]>, sink: Scalar
  ) -> [Scalar] {
    let d = attention.headDimension
    let q = head * d
    let kv = head / attention.shape.groupSize * d
    let scores = keys.map { key in
      var score: Scalar = 0
      for i in 0..<d { score += query[q + i] * key[kv + i] }
      return capped(score * Scalar(attention.scale), attention.scoreSoftCap)
    }
    let maximum = max(scores.max()!, sink)
    // The sum adds the rounded weights that multiply the values.
    let p = scores.map { input(exponential($0 - maximum)) }
    var total = exponential(sink - maximum)
    for weight in p { total += weight }
    var out = [Scalar](repeating: 0, count: d)
    for (weight, value) in zip(p, values) {
      for i in 0..<d { out[i] += weight * value[kv + i] }
    }
    return out.map { $0 / total }
  }

  private func feedForward(_ x: Rows, _ weights: any FeedForward) -> Rows {
    switch weights {
    case let dense as DenseFeedForward: return mlp(x, dense)
    case let mixture as MixtureOfExperts: return self.mixture(x, mixture)
    default: preconditionFailure("the twin does not know the feed-forward \(type(of: weights))")
    }
  }

  func mlp(_ x: Rows, _ dense: DenseFeedForward) -> Rows {
    let activated = zip(linear(x, dense.gate), linear(x, dense.up)).map { gate, up in
      zip(gate, up).map { gated($0, $1, by: dense.activation) }
    }
    return linear(activated, dense.down)
  }

  // MARK: The parts

  private func gated(_ x: Scalar, _ up: Scalar, by activation: GatedActivation) -> Scalar {
    switch activation {
    case .swiGLU: return x / (1 + exponential(-x)) * up
    case .geGLU:
      let u = Scalar((2 / Double.pi).squareRoot()) * (x + Scalar(0.044715) * x * x * x)
      return x / 2 * (1 + Scalar(tanh(Double(u)))) * up
    case .clampedSwiGLU(let alpha, let limit):
      let x = min(x, Scalar(limit))
      let up = max(min(up, Scalar(limit)), -Scalar(limit))
      return x / (1 + exponential(-Scalar(alpha) * x)) * (up + 1)
    }
  }

  private func capped(_ x: Scalar, _ cap: Double?) -> Scalar {
    guard let cap else { return x }
    return Scalar(cap) * Scalar(tanh(Double(x / Scalar(cap))))
  }

  /// One head's row, turned to its position in a context of `count` tokens where the layer uses
  /// RoPE.
  private func rotated(
    _ row: [Scalar], at position: Int, of count: Int, _ layer: LayerConfiguration
  ) -> [Scalar] {
    guard let parameters = layer.rope else { return row }
    let rope = RoPE(parameters, headDimension: row.count)
    var out = row
    for j in 0..<rope.pairs {
      let frequency = rope.frequency(ofPair: j, at: position, contextTokens: count)
      let cosine = Scalar(rope.attentionFactor * cos(Double(position) * frequency))
      let sine = Scalar(rope.attentionFactor * sin(Double(position) * frequency))
      let places = rope.places(ofPair: j)
      let (first, second) = (out[places.first], out[places.second])
      out[places.first] = first * cosine - second * sine
      out[places.second] = first * sine + second * cosine
    }
    return out
  }

  private func norm(_ x: Rows, _ scale: [Float]) -> Rows {
    x.map { row in
      var squares: Scalar = 0
      for value in row { squares += value * value }
      let meanSquare = squares / Scalar(row.count)
      let factor = 1 / (meanSquare + Scalar(configuration.normalization.epsilon)).squareRoot()
      return zip(row, scale).map { $0 * factor * Scalar($1) }
    }
  }

  /// - Parameter isExact: whether its inputs are not rounded.
  func linear(_ x: Rows, _ matrix: WeightMatrix, isExact: Bool = false) -> Rows {
    let elements: Rows = rows(of: matrix)
    return x.map { row in
      let row = isExact ? row : row.map(input)
      return elements.indices.map { output in
        var sum: Scalar = matrix.bias.isEmpty ? 0 : Scalar(matrix.bias[output])
        let weights = elements[output]
        for i in 0..<row.count { sum += row[i] * weights[i] }
        return sum
      }
    }
  }

  private func sum(_ left: Rows, _ right: Rows) -> Rows {
    zip(left, right).map { zip($0, $1).map { $0 + $1 } }
  }

  /// `value` as a matrix product reads it.
  private func input(_ value: Scalar) -> Scalar {
    roundsInputs ? Scalar(BFloat16(Float(value)).float) : value
  }

  func exponential(_ value: Scalar) -> Scalar { Scalar(exp(Double(value))) }

  /// `[outputs][inputs]`
  private func rows(of matrix: WeightMatrix) -> Rows {
    let elements = matrix.floats.map { Scalar($0) }
    return elements.indices(by: matrix.inputs).map { Array(elements[$0]) }
  }
}

extension Array {
  /// The ranges of consecutive pieces of `width` elements.
  fileprivate func indices(by width: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: width).map { $0..<$0 + width }
  }
}
