import Files
import Transformer

extension WeightPlan {
  /// Looks at the routers of experts, with their biases, and at attention sinks. One element that is no
  /// number would send tokens anywhere, or make all that a head attends to none; a sink of −∞ is no sink.
  ///
  /// - Parameter source: of this plan.
  /// - Throws: `FileError`, on every rank alike.
  func checkDecisiveValues(_ source: PlannedWeightSource) throws {
    guard origin == .files else { return }
    let routers = tensors.filter(\.request.isExact).map(\.request.name)
    let prefixes = Set(routers.map { String($0.dropLast("weight".count)) })
    for tensor in tensors {
      let (name, shape) = (tensor.request.name, tensor.request.shape)
      let end = name.lastIndex(of: ".").map { name[...$0] } ?? ""
      let isSinks = name.hasSuffix(".sinks")
      guard isSinks || tensor.request.isExact || prefixes.contains(String(end)) else { continue }
      let elements = try source.tensor(named: name, shape: shape).floats()
      let index = elements.firstIndex { !$0.isFinite && !(isSinks && $0 == -.infinity) }
      guard let index else { continue }
      throw FileError(
        .malformed,
        "\(paths.first ?? ""): the tensor '\(tensor.storedName ?? name)', "
          + "\(isSinks ? "attention sinks" : "a router of experts"), has "
          + "\(elements[index]) as element \(index), which is no finite number; fetch the file again"
      )
    }
  }
}
