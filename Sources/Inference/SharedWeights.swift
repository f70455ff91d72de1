import Kernels
import MPI
import ModelFiles
import Ranks
import Transformer

/// The matrices of a plan that do not lie ready in a file, in memory that the ranks of a host
/// share; each rank and each of its threads makes a part of them.
struct SharedWeights {
  private let memory: SharedMemory
  /// Where each tensor begins in the memory, in bytes.
  private let offsets: [String: Int]

  private static let alignment = 64

  /// What a tensor takes in the memory, up to the next one.
  static func paddedBytes(_ tensor: PlannedTensor) -> Int { padded(tensor.bytes) }

  /// Up to the next cache line.
  static func padded(_ bytes: Int) -> Int { (bytes + alignment - 1) / alignment * alignment }

  /// Takes the memory and fills it; every rank of `host` calls this.
  ///
  /// - Parameter tensors: those to be made, the same on every rank.
  /// - Throws: `SharedMemoryError`, on every rank of the host or on none; `MPIError`.
  init(_ tensors: [PlannedTensor], host: Communicator, team: ThreadTeam) throws {
    var offsets: [String: Int] = [:]
    var items: [(tensor: PlannedTensor, range: Range<Int>, offset: Int)] = []
    var end = 0
    for tensor in tensors {
      offsets[tensor.request.name] = end
      let (count, format) = (tensor.request.count, tensor.format)
      for first in stride(from: 0, to: count, by: tensor.elementsPerItem) {
        items.append(
          (
            tensor, first..<min(count, first + tensor.elementsPerItem),
            end + first / format.elementsPerBlock * format.bytesPerBlock
          ))
      }
      end += Self.paddedBytes(tensor)
    }
    self.offsets = offsets
    memory = try SharedMemory(byteCount: end, host: host)
    guard let start = memory.bytes.baseAddress else { return }
    let own = items.filter { memory.ownPart.contains($0.offset) }
    nonisolated(unsafe) let base = start
    let tick = { host.tick() }
    team.forEach(own.count, betweenItems: tick) { index, _ in
      let (tensor, range, offset) = own[index]
      tensor.content.write(range, to: base + offset)
    }
    try host.barrier()
  }

  /// The tensor, if it is one of these.
  func view(of tensor: PlannedTensor) -> TensorView? {
    guard let offset = offsets[tensor.request.name], let start = memory.bytes.baseAddress else {
      return nil
    }
    return TensorView(
      name: tensor.request.name, shape: tensor.request.shape, format: tensor.format,
      elements: UnsafeRawPointer(start + offset), owner: memory)
  }
}

extension PlannedTensor {
  /// Elements that a thread makes at a time: some pages of them, whole draws of random ones, and whole
  /// rows of what is assembled.
  fileprivate var elementsPerItem: Int {
    guard case .assembled(let tensor, _) = content else { return 1 << 16 }
    return AssembledTensor.rowsAtOnce * tensor.columns
  }
}

extension PlannedTensor.Content {
  /// Writes the elements numbered `range`, whole rows of what is assembled, in the type that the model
  /// uses them in.
  func write(_ range: Range<Int>, to destination: UnsafeMutableRawPointer) {
    switch self {
    case .random(let weights):
      weights.write(
        range, to: destination.bindMemory(to: BFloat16.self, capacity: range.count))
    case .file(let tensor, .converted(let conversion)):
      conversion.convert(tensor.bytes, range, into: destination)
    case .assembled(let tensor, let use):
      tensor.write(range, use, to: destination)
    case .file(_, .inPlace):
      preconditionFailure("what lies ready in a file is not written anew")
    case .absent:
      preconditionFailure("what is not there cannot be written")
    }
  }
}
