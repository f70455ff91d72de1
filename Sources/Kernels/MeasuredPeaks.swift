import CKernels

/// What one core of this machine can do at most, measured on registers and on memory just now.
public struct MeasuredPeaks: Sendable {
  /// GFLOP/s of the bf16 dot product, nil on a CPU or at an instruction set without one.
  public let dotProductGFLOPS: Double?
  /// GFLOP/s of float32 multiply-add.
  public let multiplyAddGFLOPS: Double
  /// GB/s of reads from memory, over 256 MB.
  public let readGBPerSecond: Double

  /// Takes some tenths of a second with the read, some hundredths without.
  public init(instructionSet: InstructionSet, measuringRead: Bool = true) {
    let table = rf_kernel_table_for(instructionSet.code)
    dotProductGFLOPS = table.peak_dot_product.map { peak in Self.gflops { peak($0) } }
    multiplyAddGFLOPS = Self.gflops { table.peak_multiply_add($0) }
    guard measuringRead else {
      readGBPerSecond = 0
      return
    }
    let memory = AlignedBuffer<UInt64>(count: 1 << 25)
    for index in stride(from: 0, to: memory.count, by: 512) { memory.pointer[index] = 1 }
    var best = Double.infinity
    for _ in 0..<3 {
      let start = ContinuousClock.now
      blackHole(table.read(memory.pointer, memory.bytes))
      best = min(best, (ContinuousClock.now - start).seconds)
    }
    readGBPerSecond = Double(memory.bytes) / best / 1e9
  }

  /// The best of five runs of some milliseconds.
  private static func gflops(_ run: (Int) -> Double) -> Double {
    var best = 0.0
    for _ in 0..<5 {
      let start = ContinuousClock.now
      let operations = run(500_000)
      best = max(best, operations / ((ContinuousClock.now - start).seconds) / 1e9)
    }
    return best
  }
}

extension Duration {
  public var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}

/// Keeps a result that nobody reads from being optimized away.
@inline(never)
func blackHole<Value>(_ value: Value) {
  withExtendedLifetime(value) {}
}
