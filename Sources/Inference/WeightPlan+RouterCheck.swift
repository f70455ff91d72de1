import Files
import Transformer

extension WeightPlan {
  /// Looks at the routers of experts, with their biases. One element that is no finite number would send
  /// tokens anywhere.
  ///
  /// - Parameter source: of this plan.
  /// - Throws: `FileError`, on every rank alike.
  func checkRouters(_ source: PlannedWeightSource) throws {
    let routers = tensors.filter(\.request.isExact).map(\.request.name)
    guard origin == .files, !routers.isEmpty else { return }
    let prefixes = Set(routers.map { String($0.dropLast("weight".count)) })
    for tensor in tensors {
      let (name, shape) = (tensor.request.name, tensor.request.shape)
      let end = name.lastIndex(of: ".").map { name[...$0] } ?? ""
      guard tensor.request.isExact || prefixes.contains(String(end)) else { continue }
      let elements = try source.tensor(named: name, shape: shape).floats()
      guard let index = elements.firstIndex(where: { !$0.isFinite }) else { continue }
      throw FileError(
        .malformed,
        "\(paths.first ?? ""): the tensor '\(tensor.storedName ?? name)', a router of experts, has "
          + "\(elements[index]) as element \(index), which is no finite number; fetch the file again"
      )
    }
  }
}
