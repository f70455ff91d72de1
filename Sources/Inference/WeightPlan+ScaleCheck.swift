import Files
import Kernels
import MPI
import ModelFiles
import Synchronization
import Transformer

extension WeightPlan {
  /// Rows whose scales a thread checks at a time.
  private static let rowsPerItem = 256

  /// Reads all quantized matrices once, each rank of a host and each of its threads a part of them. One
  /// scale that is no finite number would make every answer nonsense.
  ///
  /// - Throws: `FileError`, on every rank of the host or on none; `MPIError`.
  func checkScales(host: Communicator, team: ThreadTeam) throws {
    var items: [(tensor: Int, rows: Range<Int>)] = []
    for (index, tensor) in tensors.enumerated()
    where !tensor.request.isVector && tensor.content.hasScalesInBlocks {
      for first in stride(from: 0, to: tensor.request.shape[0], by: Self.rowsPerItem) {
        items.append((index, first..<min(tensor.request.shape[0], first + Self.rowsPerItem)))
      }
    }
    let (rank, ranks) = (host.rank, host.size)
    let own = items.indices.filter { $0 % ranks == rank }
    let firstBad = Atomic<Int>(tensors.count)
    let tick = { host.tick() }
    team.forEach(own.count, betweenItems: tick) { item, _ in
      let (index, rows) = items[own[item]]
      if !tensors[index].content.hasFiniteScales(rows: rows) {
        firstBad.min(index, ordering: .relaxed)
      }
    }
    let bad = try host.allReduce(value: firstBad.load(ordering: .relaxed), .minimum)
    guard bad < tensors.count else { return }
    let name = tensors[bad].storedName ?? tensors[bad].request.name
    throw FileError(
      .malformed,
      "\(paths.first ?? ""): the tensor '\(name)' has a scale that is infinite or no number; "
        + "fetch the file again")
  }
}

extension PlannedTensor.Content {
  /// Whether it is a matrix of blocks of small integers, each with a scale.
  fileprivate var hasScalesInBlocks: Bool {
    switch self {
    case .file(_, .inPlace(let format)): WeightFormat.quantized.contains(format)
    case .assembled(let tensor, _): tensor.scales != nil
    default: false
    }
  }

  fileprivate func hasFiniteScales(rows: Range<Int>) -> Bool {
    switch self {
    case .file(let stored, .inPlace(let format)):
      WeightMatrix(
        outputs: stored.shape[0], inputs: stored.shape[1], format: format,
        elements: stored.bytes.baseAddress!, owner: stored.owner
      ).hasFiniteScales(rows: rows)
    case .assembled(let tensor, _): tensor.hasFiniteScales(rows: rows)
    default: true
    }
  }
}

extension AssembledTensor {
  /// Of MXFP4, scales apart: where they begin, and bytes from one row's to the next.
  fileprivate var scales: (start: UnsafeRawPointer, rowBytes: Int)? {
    guard case .blocks(_, let scales, let rowStep) = parts else { return nil }
    return (scales, rowStep * (columns / 32))
  }

  /// A byte of ones is no number (OCP Microscaling Formats, 5.4.1).
  fileprivate func hasFiniteScales(rows: Range<Int>) -> Bool {
    guard let scales else { return true }
    return rows.allSatisfy { row in
      !UnsafeRawBufferPointer(start: scales.start + row * scales.rowBytes, count: columns / 32)
        .contains(.max)
    }
  }
}
