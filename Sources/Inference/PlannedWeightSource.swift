import Kernels
import MPI
import ModelFiles
import Transformer

/// A plan's tensors as what a model family takes its weights from: matrices in mapped files and in
/// memory that the host's ranks share, vectors wherever they are for the moment.
struct PlannedWeightSource: WeightSource {
  private let tensors: [String: PlannedTensor]
  private let shared: SharedWeights

  /// Makes what is to be made; every rank of `host` calls this.
  ///
  /// - Throws: as `SharedWeights` does.
  init(_ plan: WeightPlan, host: Communicator, team: ThreadTeam) throws {
    tensors = Dictionary(uniqueKeysWithValues: plan.tensors.map { ($0.request.name, $0) })
    shared = try SharedWeights(plan.tensors.filter(\.isShared), host: host, team: team)
  }

  /// What a family asks for is what the plan was made from.
  func tensor(named name: String, shape: [Int]) throws -> TensorView {
    guard let tensor = tensors[name], tensor.request.shape == shape else {
      preconditionFailure("\(name) \(shape) was not asked for before")
    }
    if let view = shared.view(of: tensor) { return view }
    if case .file(let file, nil) = tensor.content {
      return TensorView(
        name: name, shape: shape, format: tensor.format, elements: file.bytes.baseAddress!,
        owner: file.owner)
    }
    let memory = OwnElements(bytes: tensor.bytes)
    tensor.content.write(0..<tensor.request.count, to: memory.start)
    return TensorView(
      name: name, shape: shape, format: tensor.format,
      elements: UnsafeRawPointer(memory.start), owner: memory)
  }
}

extension PlannedTensor {
  /// Whether it is made, once a host.
  var isShared: Bool {
    if request.isVector { return false }
    return switch content {
    case .file(_, nil), .absent(_, nil): false
    case .file, .absent, .random: true
    }
  }
}

/// A vector that is made, until the family has copied it.
private final class OwnElements {
  private let memory: AlignedBuffer<UInt8>

  init(bytes: Int) { memory = AlignedBuffer(count: bytes) }

  var start: UnsafeMutableRawPointer { UnsafeMutableRawPointer(memory.pointer) }
}
