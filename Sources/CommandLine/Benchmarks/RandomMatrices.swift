import Inference
import Kernels
import MPI
import Ranks
import Transformer

/// Linear layers of one shape with random weights, in memory that the ranks of a host share, as those
/// of a model are.
struct RandomMatrices {
  let count: Int
  private let outputs: Int
  /// All of them, one under the other: `[count · outputs][inputs]`.
  private let all: WeightMatrix

  /// Every rank of `host` calls this.
  ///
  /// - Parameters:
  ///   - format: of the weights; `inputs` is a multiple of what it stores together.
  ///   - team: this rank's threads.
  /// - Throws: `SharedMemoryError`, on every rank of the host or on none; `MPIError`.
  init(
    count: Int, outputs: Int, inputs: Int, format: WeightFormat, host: Communicator,
    team: ThreadTeam
  ) throws {
    self.count = count
    self.outputs = outputs
    let elements = count * outputs * inputs
    let memory = try SharedMemory(
      byteCount: elements / format.elementsPerBlock * format.bytesPerBlock, host: host)
    let weights = RandomWeights(
      TensorRequest(name: "benchmark.weight", shape: [count * outputs, inputs]))
    nonisolated(unsafe) let base = memory.bytes.baseAddress!
    let perItem = 1 << 16
    func offset(_ element: Int) -> Int {
      element / format.elementsPerBlock * format.bytesPerBlock
    }
    let own = (0..<(elements + perItem - 1) / perItem).filter {
      memory.ownPart.contains(offset($0 * perItem))
    }
    team.forEach(own.count) { index, _ in
      let range = own[index] * perItem..<min(elements, (own[index] + 1) * perItem)
      if WeightFormat.quantized.contains(format) || format.isScaled {
        let start = offset(range.lowerBound)
        Self.writeBlocks(
          UnsafeMutableRawBufferPointer(
            start: base + start, count: offset(range.upperBound) - start),
          seed: range.lowerBound)
      } else {
        Self.write(weights, range, as: format, to: base + offset(range.lowerBound))
      }
    }
    try host.barrier()
    all = WeightMatrix(
      outputs: count * outputs, inputs: inputs, format: format,
      elements: UnsafeRawPointer(base),
      scales: format.isScaled ? Self.scales(rows: count * outputs, inputs: inputs) : nil,
      owner: memory)
  }

  /// One for each 128 rows and 128 inputs, as most checkpoints have them.
  private static func scales(rows: Int, inputs: Int) -> WeightScales {
    let count = (rows + 127) / 128 * ((inputs + 127) / 128)
    return WeightScales(
      [Float](repeating: 0.125, count: count), rowsPerScale: 128, inputsPerScale: 128,
      inputs: inputs)
  }

  /// Blocks of any format: of bytes of which any two are a small float16, as scales are, and each is a
  /// small number of FP8.
  private static func writeBlocks(_ bytes: UnsafeMutableRawBufferPointer, seed: Int) {
    var generator = SplitMix64(seed: UInt64(seed))
    for index in bytes.indices {
      bytes[index] = 0x10 + UInt8(truncatingIfNeeded: generator.next() >> 59)
    }
  }

  private static func write(
    _ weights: RandomWeights, _ range: Range<Int>, as format: WeightFormat,
    to destination: UnsafeMutableRawPointer
  ) {
    switch format {
    case .bfloat16:
      weights.write(range, to: destination.bindMemory(to: BFloat16.self, capacity: range.count))
    case .float32:
      let floats = destination.bindMemory(to: Float.self, capacity: range.count)
      withUnsafeTemporaryAllocation(of: BFloat16.self, capacity: range.count) { halves in
        weights.write(range, to: halves.baseAddress!)
        for index in 0..<range.count { floats[index] = halves[index].float }
      }
    default: preconditionFailure("no random weights are made in the format \(format)")
    }
  }

  /// The matrix number `index`, counted round and round.
  subscript(index: Int) -> WeightMatrix {
    let first = index % count * outputs
    return all.rows(first..<first + outputs)
  }

  var bytes: Int { all.bytes }
}
