import Kernels
import Testing

struct MeasuredPeaksTests {
  @Test(arguments: InstructionSet.available)
  func arePositiveAndFinite(_ set: InstructionSet) {
    let peaks = MeasuredPeaks(
      instructionSet: set, measuringRead: set == InstructionSet.available.max())
    #expect(peaks.multiplyAddGFLOPS.isFinite && peaks.multiplyAddGFLOPS > 0.1)
    #expect((peaks.dotProductGFLOPS != nil) == (set == .avx512bf16))
    if let dotProduct = peaks.dotProductGFLOPS {
      #expect(dotProduct.isFinite && dotProduct > 0.1)
    }
    if set == InstructionSet.available.max() {
      #expect(peaks.readGBPerSecond.isFinite && peaks.readGBPerSecond > 0.1)
    } else {
      #expect(peaks.readGBPerSecond == 0)
    }
  }
}
