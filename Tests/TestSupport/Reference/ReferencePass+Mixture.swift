import Kernels
import Transformer

extension ReferencePass {
  /// Every token by itself: its scores, a sort, and one expert after the other.
  func mixture(_ x: Rows, _ weights: MixtureOfExperts) -> Rows {
    precondition(weights.router.norm.isEmpty, "the twin's routers read what the experts read")
    let scores = weights.router.scores.matrices.map { linear(x, $0, isExact: true) }
    return x.indices.map { token in
      let chosen = choose(scores[0][token], weights)
      var sum = [Scalar](repeating: 0, count: x[token].count)
      func add(_ expert: DenseFeedForward, times weight: Scalar) {
        for (index, value) in mlp([x[token]], expert)[0].enumerated() {
          sum[index] += weight * value
        }
      }
      for (expert, weight) in chosen.sorted(by: { $0.expert < $1.expert }) {
        add(weights.experts[expert], times: weight)
      }
      if let shared = weights.shared {
        add(shared, times: scores.count > 1 ? sigmoid(scores[1][token][0]) : 1)
      }
      return sum
    }
  }

  private func sigmoid(_ x: Scalar) -> Scalar { 1 / (1 + exponential(-x)) }

  private func choose(
    _ scores: [Scalar], _ weights: MixtureOfExperts
  ) -> [(expert: Int, weight: Scalar)] {
    let (mixture, routing) = (weights.configuration, weights.configuration.routing)
    func best(_ values: [Scalar], _ count: Int) -> [Int] {
      Array(
        values.indices.sorted { values[$0] > values[$1] || values[$0] == values[$1] && $0 < $1 }
          .prefix(count))
    }
    let values: [Scalar]
    var choice: [Scalar]
    switch routing.scoring {
    case .softmax:
      let maximum = scores.max()!
      let powers = scores.map { exponential($0 - maximum) }
      let sum = powers.reduce(0, +)
      values = powers.map { $0 / sum }
      choice = values
    case .sigmoid:
      values = scores.map(sigmoid)
      choice = values
      for (index, bias) in weights.router.correctionBias.enumerated() {
        choice[index] += Scalar(bias)
      }
    }
    if routing.groups > 1 {
      let size = mixture.experts / routing.groups
      let groups = (0..<routing.groups).map { Array(choice[$0 * size..<($0 + 1) * size]) }
      let kept = best(
        groups.map { group in best(group, 2).reduce(0) { $0 + group[$1] } },
        routing.groupsPerToken)
      for expert in choice.indices where !kept.contains(expert / size) {
        choice[expert] = -.infinity
      }
    }
    let chosen = best(choice, mixture.expertsPerToken)
    let sum = routing.isNormalized ? chosen.reduce(0) { $0 + values[$1] } : 1
    return chosen.map { ($0, values[$0] / sum * Scalar(routing.scale)) }
  }
}
