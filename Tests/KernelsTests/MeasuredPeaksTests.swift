import Kernels
import Testing

struct MeasuredPeaksTests {
  @Test func ofOneCore() {
    let peaks = MeasuredPeaks(instructionSet: InstructionSet.available.last!, memoryBytes: 1 << 24)
    #expect(peaks.multiplyAddGFLOPS.isFinite && peaks.multiplyAddGFLOPS > 0.1)
    #expect(peaks.dotProductGFLOPS.map { $0.isFinite && $0 > 0.1 } ?? true)
    #expect(peaks.readGBPerSecond.isFinite && peaks.readGBPerSecond > 0.1)
  }

  /// Every thread has a part of the work, also where there are more threads than cores.
  @Test(arguments: InstructionSet.available, [1, 3])
  func ofSeveralThreads(_ set: InstructionSet, threads: Int) throws {
    let meter = PeakMeter(instructionSet: set, threads: threads, memoryBytes: 1 << 20)
    #expect(meter.hasDotProduct == InstructionSet.available.contains(.avx512bf16))
    #expect((meter.dotProductGFLOPS() != nil) == meter.hasDotProduct)
    for rate in [
      meter.dotProductGFLOPS() ?? 1, meter.multiplyAddGFLOPS(), meter.readGBPerSecond(),
    ] {
      #expect(rate.isFinite && rate > 0.1)
    }
  }
}
