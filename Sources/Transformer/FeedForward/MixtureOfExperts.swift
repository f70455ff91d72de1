import Foundation
import Kernels
import RingAttention

/// A mixture of experts (Shazeer and others 2017, arXiv:1701.06538): Σ w_e · expert_e(x) over the few
/// experts that x goes to, and what all go to besides.
///
/// The sum has one order for a token of a context, that of the experts' numbers, the shared one last; for
/// tokens behind it, it is a sum over chunks, whose order does not show.
public struct MixtureOfExperts: FeedForward {
  public let configuration: MixtureConfiguration
  public let router: Router
  /// `[experts]`
  public let experts: [DenseFeedForward]
  public let shared: DenseFeedForward?

  let routed: ExpertLayers
  /// Of the shared one.
  let common: ExpertLayers?

  public init(
    _ configuration: MixtureConfiguration, router: Router, experts: [DenseFeedForward],
    shared: DenseFeedForward? = nil
  ) {
    precondition(
      experts.count == configuration.experts, "as many experts as the configuration says")
    self.configuration = configuration
    self.router = router
    self.experts = experts
    self.shared = shared
    routed = ExpertLayers(experts)
    common = shared.map { ExpertLayers([$0]) }
  }

  // MARK: - What it takes

  public var linearLayers: [LinearGroup] {
    [router.scores] + experts.flatMap(\.linearLayers) + (shared?.linearLayers ?? [])
  }

  public var vectorElements: Int { router.vectorElements }

  public var flopsPerToken: Double { active(\.flops) }

  public var activeParameters: Int { active(\.parameters) + vectorElements }

  public var bytesPerToken: Int { active(\.bytes) }

  /// Of the router, as many experts as a token goes to, which are all alike but for the types that their
  /// weights may have, and the shared one.
  private func active<Number: Numeric>(_ amount: (LinearGroup) -> Number) -> Number {
    let layers =
      experts.prefix(configuration.expertsPerToken).flatMap(\.linearLayers)
      + (shared?.linearLayers ?? []) + [router.scores]
    return layers.reduce(0) { $0 + amount($1) }
  }

  // MARK: - Running it

  public func add(
    of rows: StreamRows, norms: FeedForwardNorms, to stream: UnsafeMutablePointer<Float>,
    by execution: some LayerExecution
  ) throws -> Bool {
    let (arithmetic, buffers) = (execution.arithmetic, execution.buffers.experts!)
    let hidden = norms.input.count
    execution.withSpan("router") { route(rows, norms, by: execution) }
    let type = inputType(in: arithmetic)
    let inputs = execution.normalize(rows, norms.input, epsilon: norms.epsilon, as: type)
    let sum = norms.output.isEmpty ? stream : buffers.sum
    if !norms.output.isEmpty { sum.update(repeating: 0, count: rows.count * hidden) }
    let isDone = try execution.withSpan("experts") {
      try execution.add(self, of: inputs, tokens: rows.count, to: sum)
    }
    if isDone, !norms.output.isEmpty {
      arithmetic.addRMSNorm(
        sum, rows: rows.count, columns: hidden, weight: norms.output, epsilon: norms.epsilon,
        to: stream)
    }
    return isDone
  }

  /// All experts read one input, so it is int8 only if all of them take it.
  private func inputType(in arithmetic: Arithmetic) -> InputType {
    let commonType = common?.inputType(in: arithmetic) ?? .int8
    return commonType == .int8 ? routed.inputType(in: arithmetic) : commonType
  }

  /// Chooses the experts of all rows.
  private func route(
    _ rows: StreamRows, _ norms: FeedForwardNorms, by execution: some LayerExecution
  ) {
    let (arithmetic, buffers) = (execution.arithmetic.inFloat32, execution.buffers.experts!)
    let norm = router.norm.isEmpty ? norms.input : router.norm
    let (experts, chosen) = (configuration.experts, configuration.expertsPerToken)
    let outputs = router.scores.outputs
    let inputs = MatrixInputs(buffers.routerInputs, .float32)
    for first in stride(from: 0, to: rows.count, by: ExpertBuffers.tokensRoutedAtOnce) {
      let count = min(ExpertBuffers.tokensRoutedAtOnce, rows.count - first)
      arithmetic.rmsNorm(
        rows.stream + first * norm.count, rows: count, columns: norm.count, weight: norm,
        epsilon: norms.epsilon, into: buffers.routerInputs, as: .float32)
      arithmetic.multiplyRows(
        router.scores, range: 0..<outputs, inputs: inputs, rows: count, outputs: buffers.scores,
        outputStride: outputs)
      let perItem = 16
      arithmetic.team.forEach((count + perItem - 1) / perItem) { item, thread in
        for row in item * perItem..<min(count, (item + 1) * perItem) {
          let (scores, token) = (buffers.scores + row * outputs, first + row)
          router.choose(
            configuration, scores: scores, chosen: buffers.chosen + token * chosen,
            weights: buffers.weights + token * chosen,
            scratch: buffers.scratch + thread * 2 * experts)
          buffers.gates[token] =
            outputs > experts ? Float(1 / (1 + exp(-Double(scores[experts])))) : 1
        }
      }
    }
    buffers.sortSlots(experts: experts, count: rows.count * chosen)
    execution.noteLoad(of: buffers.firstSlots, experts: experts)
  }
}

/// The layers of experts of one shape.
struct ExpertLayers: Sendable {
  /// `[experts]`
  let gateAndUp: [LinearGroup]
  /// `[experts]`
  let output: [LinearGroup]
  let activation: GatedActivation
  /// One of each kind that has the type in which its input is read.
  private let decidingGateAndUp: LinearGroup
  private let decidingOutput: LinearGroup

  init(_ experts: [DenseFeedForward]) {
    gateAndUp = experts.map(\.gateAndUp)
    output = experts.map(\.output)
    activation = experts[0].activation
    // Those of one layer read one input, so it is int8 only if all of them take it.
    func deciding(_ groups: [LinearGroup]) -> LinearGroup {
      groups.first { !$0.isQuantized } ?? groups[0]
    }
    decidingGateAndUp = deciding(gateAndUp)
    decidingOutput = deciding(output)
  }

  func inputType(in arithmetic: Arithmetic) -> InputType {
    arithmetic.inputType(of: decidingGateAndUp)
  }

  /// Of one expert that so many rows have.
  func load(rows: Int) -> ExpertLoad {
    ExpertLoad(
      experts: 1, rows: rows, of: (gateAndUp[0], output[0]), firstBytes: gateAndUp[0].bytes,
      lastBytes: output[0].bytes)
  }

  func outputType(in arithmetic: Arithmetic) -> InputType {
    arithmetic.inputType(of: decidingOutput)
  }
}
