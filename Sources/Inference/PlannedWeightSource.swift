import Kernels
import MPI
import ModelFiles
import Transformer

/// A plan's tensors as what a model family takes its weights from: matrices in mapped files and in
/// memory that the host's ranks share, vectors wherever they are for the moment.
package struct PlannedWeightSource: WeightSource {
  private let tensors: [String: PlannedTensor]
  /// Of a matrix that is made; nil for one that is read where it lies in a file.
  private let made: (PlannedTensor) -> TensorView?

  /// Makes what is to be made; every rank of `host` calls this.
  ///
  /// - Throws: as `SharedWeights` does.
  package init(_ plan: WeightPlan, host: Communicator, team: ThreadTeam) throws {
    let shared = try SharedWeights(plan.tensors.filter(\.isShared), host: host, team: team)
    self.init(plan, made: shared.view)
  }

  init(_ plan: WeightPlan, made: @escaping (PlannedTensor) -> TensorView?) {
    tensors = Dictionary(uniqueKeysWithValues: plan.tensors.map { ($0.request.name, $0) })
    self.made = made
  }

  /// What a family asks for is what the plan was made from.
  package func tensor(named name: String, shape: [Int]) throws -> TensorView {
    guard let tensor = tensors[name], tensor.request.shape == shape else {
      preconditionFailure("\(name) \(shape) was not asked for before")
    }
    if let view = made(tensor) { return view }
    if case .file(let file, .inPlace) = tensor.content {
      let view = TensorView(
        name: name, shape: shape, format: tensor.format, elements: file.bytes.baseAddress!,
        scales: tensor.scales, owner: file.owner)
      return tensor.addend == 0 ? view : Self.without(tensor.addend, view)
    }
    let memory = OwnElements(bytes: tensor.bytes)
    tensor.content.write(0..<tensor.request.count, to: memory.start)
    let view = TensorView(
      name: name, shape: shape, format: tensor.format,
      elements: UnsafeRawPointer(memory.start), owner: memory)
    return tensor.addend == 0 ? view : Self.without(tensor.addend, view)
  }

  /// What there was before the file's writer added something: exact where the result was a float32
  /// whose sum was one.
  private static func without(_ addend: Float, _ view: TensorView) -> TensorView {
    let floats = view.floats().map { $0 - addend }
    let memory = OwnElements(bytes: floats.count * MemoryLayout<Float>.stride)
    floats.withUnsafeBytes {
      memory.start.copyMemory(from: $0.baseAddress!, byteCount: $0.count)
    }
    return TensorView(
      name: view.name, shape: view.shape, format: .float32,
      elements: UnsafeRawPointer(memory.start), owner: memory)
  }
}

extension PlannedTensor {
  /// Whether it is made, once a host.
  var isShared: Bool {
    if request.isVector { return false }
    return switch content {
    case .file(_, .inPlace): false
    case .absent(let use): use.isMade
    case .file, .assembled, .random: true
    }
  }
}

/// A vector that is made, until the family has copied it.
private final class OwnElements {
  private let memory: AlignedBuffer<UInt8>

  init(bytes: Int) { memory = AlignedBuffer(count: bytes) }

  var start: UnsafeMutableRawPointer { UnsafeMutableRawPointer(memory.pointer) }
}
