import Kernels
import MPI

/// Linear layers of the appending path, with the same input, divided over the ranks by output rows:
/// P ranks read each weight once between them. Every output is one whole dot product, so the
/// division does not show in the result.
final class DividedLinear {
  private let matrices: [WeightMatrix]
  private let arithmetic: Arithmetic
  private let communicator: Communicator
  /// All outputs of all matrices, and those that this rank computes: `ranges[rank]`.
  let outputs: Int
  private let ranges: [Range<Int>]
  private let isDivided: Bool
  private let memory: DividedLinearMemory
  private var plans: [Int: AllGatherPlan<Float>] = [:]
  private(set) var bytesSent = 0

  /// - Parameter memory: has room for the outputs of as many rows as are multiplied at once.
  init(
    _ matrices: [WeightMatrix], arithmetic: Arithmetic, communicator: Communicator,
    memory: DividedLinearMemory
  ) {
    self.matrices = matrices
    self.arithmetic = arithmetic
    self.communicator = communicator
    self.memory = memory
    let outputs = matrices.reduce(0) { $0 + $1.outputs }
    self.outputs = outputs
    let ranks = communicator.size
    isDivided = Self.isWorthDividing(
      bytes: matrices.reduce(0) { $0 + $1.bytes }, ranks: ranks)
    ranges =
      isDivided
      ? (0..<ranks).map { outputs * $0 / ranks..<outputs * ($0 + 1) / ranks }
      : (0..<ranks).map { _ in 0..<outputs }
  }

  /// Whether the ranks save more time by each reading its part of the weights than the gathering of
  /// the parts costs: some 50 µs, in which a core reads about half a megabyte.
  static func isWorthDividing(bytes: Int, ranks: Int) -> Bool {
    ranks > 1 && bytes - bytes / ranks > 1 << 19
  }

  /// `output[row] = ` all matrices' outputs, one after the other.
  ///
  /// - Parameters:
  ///   - inputs: `[rows][inputStride(inputs)]` matrix input, the same on every rank.
  ///   - output: `[rows][outputs]` float32, the same on every rank afterwards.
  /// - Throws: `MPIError`.
  func multiply(
    _ inputs: UnsafeRawPointer, rows: Int, into output: UnsafeMutablePointer<Float>
  ) throws {
    precondition(rows * outputs <= memory.share.count, "the memory has room for all outputs")
    let own = ranges[communicator.rank]
    let (share, gathered) = (memory.share.pointer, memory.gathered.pointer)
    var start = 0
    var written = 0
    for matrix in matrices {
      // The part of this matrix in the rank's range.
      let range = own.clamped(to: start..<start + matrix.outputs)
      if !range.isEmpty {
        arithmetic.multiplyRows(
          matrix, range: range.lowerBound - start..<range.upperBound - start, inputs: inputs,
          rows: rows, outputs: share + written)
        if !isDivided {
          copyRows(
            from: share + written, width: range.count, rows: rows,
            to: output + range.lowerBound)
        }
        written += rows * range.count
      }
      start += matrix.outputs
    }
    guard isDivided else { return }

    try communicator.allGather(
      share: UnsafeBufferPointer(start: share, count: rows * own.count),
      into: UnsafeMutableBufferPointer(start: gathered, count: rows * outputs),
      plan: try plan(rows: rows))
    bytesSent += rows * own.count * MemoryLayout<Float>.stride
    // What a rank sent is divided at the borders of matrices, as it was computed.
    var read = gathered
    for range in ranges {
      var start = 0
      for matrix in matrices {
        let part = range.clamped(to: start..<start + matrix.outputs)
        copyRows(from: read, width: part.count, rows: rows, to: output + part.lowerBound)
        read += rows * part.count
        start += matrix.outputs
      }
    }
  }

  private func copyRows(
    from source: UnsafePointer<Float>, width: Int, rows: Int,
    to destination: UnsafeMutablePointer<Float>
  ) {
    for row in 0..<rows {
      (destination + row * outputs).update(from: source + row * width, count: width)
    }
  }

  /// Made once for a number of rows, so that a decode step allocates nothing.
  private func plan(rows: Int) throws -> AllGatherPlan<Float> {
    if let plan = plans[rows] { return plan }
    let plan = try AllGatherPlan<Float>(counts: ranges.map { rows * $0.count })
    plans[rows] = plan
    return plan
  }
}

/// Where divided layers put what they compute and gather; they take turns to use it.
final class DividedLinearMemory {
  /// `[rows][own outputs]`, one matrix after the other.
  let share: AlignedBuffer<Float>
  /// `[ranks][rows][outputs of the rank]`, each rank's as in its share.
  let gathered: AlignedBuffer<Float>

  /// - Parameter elements: the most rows times outputs of one layer.
  init(elements: Int) {
    share = AlignedBuffer(count: elements)
    gathered = AlignedBuffer(count: elements)
  }

  static func bytes(elements: Int) -> Int { 2 * elements * MemoryLayout<Float>.stride }
}
