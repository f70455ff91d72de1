import Foundation
import Kernels
import Transformer

/// `ReferenceDecoder` in one type of number.
struct ReferencePass<Scalar: BinaryFloatingPoint> {
  /// `[positions][width]`
  private typealias Rows = [[Scalar]]

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
    }
    return linear(norm(hidden, weights.finalNorm), weights.head).flatMap { row in
      row.map { capped($0, configuration.vocabulary.logitSoftCap) }
    }
  }

  // MARK: The blocks

  private func attention(_ x: Rows, _ weights: AttentionWeights, _ layer: LayerConfiguration)
    -> Rows
  {
    let d = configuration.attention.headDimension
    /// Each head normalized, where the model does so, and turned to its position.
    func placed(_ matrix: WeightMatrix, _ scale: [Float]) -> Rows {
      linear(x, matrix).enumerated().map { position, row in
        row.indices(by: d).flatMap { head in
          let head =
            configuration.attention.hasHeadNorms
            ? norm([Array(row[head])], scale)[0] : Array(row[head])
          return rotated(head, at: position, of: x.count, layer).map(input)
        }
      }
    }
    let queries = placed(weights.query, weights.queryNorm)
    let keys = placed(weights.key, weights.keyNorm)
    let values = linear(x, weights.value).map { $0.map(input) }

    let attended = queries.indices.map { position in
      (0..<configuration.attention.queryHeads).flatMap { head in
        let first = layer.pattern.slidingWindow.map { max(0, position - $0 + 1) } ?? 0
        return attend(
          queries[position], head: head, keys: keys[first...position],
          values: values[first...position])
      }
    }
    return linear(attended, weights.output)
  }

  /// One query head at one position: softmax(q·k · scale, capped) · v over the keys that it sees.
  private func attend(
    _ query: [Scalar], head: Int, keys: ArraySlice<[Scalar]>, values: ArraySlice<[Scalar]>
  ) -> [Scalar] {
    let d = configuration.attention.headDimension
    let q = head * d
    let kv = head / configuration.attention.shape.groupSize * d
    let scores = keys.map { key in
      var score: Scalar = 0
      for i in 0..<d { score += query[q + i] * key[kv + i] }
      return capped(
        score * Scalar(configuration.attention.scale), configuration.attention.scoreSoftCap)
    }
    let maximum = scores.max()!
    // The sum adds the rounded weights that multiply the values.
    let p = scores.map { input(exponential($0 - maximum)) }
    var total: Scalar = 0
    for weight in p { total += weight }
    var out = [Scalar](repeating: 0, count: d)
    for (weight, value) in zip(p, values) {
      for i in 0..<d { out[i] += weight * value[kv + i] }
    }
    return out.map { $0 / total }
  }

  private func feedForward(_ x: Rows, _ weights: any FeedForward) -> Rows {
    guard let dense = weights as? DenseFeedForward else {
      preconditionFailure("the twin does not know the feed-forward \(type(of: weights))")
    }
    let gated = zip(linear(x, dense.gate), linear(x, dense.up)).map { gate, up in
      zip(gate, up).map { activated($0, by: dense.activation) * $1 }
    }
    return linear(gated, dense.down)
  }

  // MARK: The parts

  private func activated(_ x: Scalar, by activation: GatedActivation) -> Scalar {
    switch activation {
    case .swiGLU: return x / (1 + exponential(-x))
    case .geGLU:
      let u = Scalar((2 / Double.pi).squareRoot()) * (x + Scalar(0.044715) * x * x * x)
      return x / 2 * (1 + Scalar(tanh(Double(u))))
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

  private func linear(_ x: Rows, _ matrix: WeightMatrix) -> Rows {
    let elements: Rows = rows(of: matrix)
    return x.map { row in
      let row = row.map(input)
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

  private func exponential(_ value: Scalar) -> Scalar { Scalar(exp(Double(value))) }

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
