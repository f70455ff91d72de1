import Files
import Kernels
import MPI
import ModelFiles
import Ranks
import RingAttention
import Transformer

/// The matrices of a model of which this host holds its part, read and made once by its ranks together.
struct DividedWeights {
  private let plan: DividedWeightPlan
  private let parts: SharedMemory
  private let memory: WeightMemory

  /// Takes the memory and fills this host's part; every rank of `host` calls this.
  ///
  /// - Parameter givesContextLogits: whether logits of all positions will be wanted.
  /// - Throws: `SharedMemoryError`, on every rank of the host or on none; `MPIError`.
  init(
    _ plan: DividedWeightPlan, givesContextLogits: Bool, host: Communicator, team: ThreadTeam
  ) throws {
    self.plan = plan
    let used = plan.used(by: plan.division.host)
    parts = try SharedMemory(byteCount: plan.addressBytes, host: host, used: used)
    memory = try WeightMemory(
      parts: parts, halfBytes: plan.halfBytes(givesContextLogits: givesContextLogits), host: host)
    let items = plan.plan.tensors.flatMap { tensor in
      plan.offsets[tensor.request.name].map { tensor.items(in: used, at: $0) } ?? []
    }
    nonisolated(unsafe) let base = parts.bytes.baseAddress!
    // Neighbouring items have one file's neighbouring bytes.
    let own = items[items.count * host.rank / host.size..<items.count * (host.rank + 1) / host.size]
    let tick = { host.tick() }
    team.forEach(own.count, betweenItems: tick) { index, _ in
      let item = own[own.startIndex + index]
      item.tensor.write(item.rows, to: base + item.offset)
    }
    try host.barrier()
  }

  /// - Throws: `FileError`, on every rank alike.
  func weights(of configuration: ModelConfiguration) throws -> ModelWeights {
    let source = PlannedWeightSource(plan.plan) { view(of: $0, in: nil) }
    try plan.plan.checkDecisiveValues(source)
    return try ModelFamilies.weights(for: configuration, from: source).passing(
      PassingWeights(
        memory: memory, layers: plan.layers, embedding: plan.embedding, head: plan.head,
        whole: ModelFamilies.weights(
          for: configuration,
          from: PlannedWeightSource(plan.plan) { tensor in
            let offset = plan.offsets[tensor.request.name]
            return view(
              of: tensor,
              in: offset.flatMap { offset in
                plan.wholeMatrices.contains(tensor.request.name)
                  ? nil : plan.layers.first { $0.extent.contains(offset) }
              })
          })))
  }

  /// Where a matrix lies: all of it in the room while its stage is there, or else this host's rows.
  private func view(of tensor: PlannedTensor, in stage: WeightStage?) -> TensorView? {
    guard let offset = plan.offsets[tensor.request.name] else { return nil }
    let elements =
      stage.map { UnsafeRawPointer(memory.half($0.half) + (offset - $0.start)) }
      ?? UnsafeRawPointer(parts.bytes.baseAddress! + offset)
    return TensorView(
      name: tensor.request.name, shape: tensor.request.shape, format: tensor.format,
      elements: elements, scales: tensor.scales, owner: stage == nil ? parts : memory.owner)
  }
}

/// Some rows of a matrix that this host holds.
private struct HeldRows {
  let tensor: PlannedTensor
  let rows: Range<Int>
  /// Where they go.
  let offset: Int
}

extension PlannedTensor {
  /// Bytes that a thread makes at a time.
  private static let bytesPerItem = 1 << 18

  /// A matrix's rows that lie in the ranges, which begin and end with rows, if the matrix begins at
  /// `offset`.
  fileprivate func items(in used: [Range<Int>], at offset: Int) -> [HeldRows] {
    let rowBytes = format.rowBytes(inputs: request.shape[1])
    return used.flatMap { range -> [HeldRows] in
      let part = range.clamped(to: offset..<offset + bytes)
      guard !part.isEmpty else { return [] }
      let first = (part.lowerBound - offset) / rowBytes
      let last = (part.upperBound - offset) / rowBytes
      let rows = max(1, Self.bytesPerItem / rowBytes)
      return stride(from: first, to: last, by: rows).map {
        HeldRows(
          tensor: self, rows: $0..<min(last, $0 + rows), offset: offset + $0 * rowBytes)
      }
    }
  }

  /// Writes rows of a matrix, and lets go of what was read of a file for them.
  fileprivate func write(_ rows: Range<Int>, to destination: UnsafeMutableRawPointer) {
    let inputs = request.shape[1]
    if case .file(let tensor, .inPlace(let format)) = content {
      let rowBytes = format.rowBytes(inputs: inputs)
      destination.copyMemory(
        from: tensor.bytes.baseAddress! + rows.lowerBound * rowBytes,
        byteCount: rows.count * rowBytes)
    } else {
      content.write(rows.lowerBound * inputs..<rows.upperBound * inputs, to: destination)
    }
    if case .file(let tensor, _) = content, let file = tensor.owner as? MappedFile {
      let rowBytes = tensor.bytes.count / request.shape[0]
      file.letGo(
        of: UnsafeRawBufferPointer(
          rebasing: tensor.bytes[rows.lowerBound * rowBytes..<rows.upperBound * rowBytes]))
    }
  }
}
