/// What one core of this machine can do at most, measured on registers and on memory just now.
public struct MeasuredPeaks: Sendable {
  /// GFLOP/s of the bf16 dot product, whatever instruction set is in use; nil on a CPU without one.
  public let dotProductGFLOPS: Double?
  /// GOP/s of the int8 dot product; nil on a CPU without one.
  public let int8DotProductGOPS: Double?
  /// GFLOP/s of float32 multiply-add.
  public let multiplyAddGFLOPS: Double
  /// GB/s of reads from memory.
  public let readGBPerSecond: Double

  /// Takes some tenths of a second.
  ///
  /// - Parameter memoryBytes: what is read; more than the last-level cache holds, or it is the
  ///   cache that is measured.
  public init(instructionSet: InstructionSet, memoryBytes: Int) {
    let meter = PeakMeter(instructionSet: instructionSet, threads: 1, memoryBytes: memoryBytes)
    func best(of runs: Int, _ run: () -> Double) -> Double {
      (0..<runs).reduce(0) { best, _ in max(best, run()) }
    }
    dotProductGFLOPS =
      meter.hasDotProduct ? best(of: 5) { meter.dotProductGFLOPS() ?? 0 } : nil
    int8DotProductGOPS =
      meter.hasInt8DotProduct ? best(of: 5) { meter.int8DotProductGOPS() ?? 0 } : nil
    multiplyAddGFLOPS = best(of: 5) { meter.multiplyAddGFLOPS() }
    readGBPerSecond = best(of: 3) { meter.readGBPerSecond() }
  }
}

extension Duration {
  public var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
