import Kernels
import Planning
import Ranks

extension Machine {
  /// This host, with what all of its cores that may be used do together, measured now on one rank.
  static func measured(_ arithmetic: Arithmetic) -> Machine {
    let cores = HostResources.allowedCores()
    let meter = PeakMeter(
      instructionSet: arithmetic.instructionSet, threads: max(1, cores.count),
      memoryBytes: HostResources.bytesBeyondCache(ofCores: cores))
    func best(_ measure: () -> Double) -> Double {
      (0..<5).reduce(0) { best, _ in max(best, measure()) }
    }
    let multiplyAdd = best { meter.multiplyAddGFLOPS() }
    let dotProduct = meter.hasDotProduct ? best { meter.dotProductGFLOPS() ?? 0 } : multiplyAdd
    let eightBit =
      meter.hasInt8DotProduct ? best { meter.int8DotProductGOPS() ?? 0 } : multiplyAdd
    return Machine(
      name: cpuName() ?? "this machine", cores: max(1, cores.count),
      peaks: Peaks(
        bf16: arithmetic.inputType == .bf16 ? dotProduct : multiplyAdd, eightBit: eightBit,
        fp32: multiplyAdd),
      memoryGBPerSecond: best { meter.readGBPerSecond() },
      memoryBytes: AvailableMemory().map { Double($0.bytes) } ?? .infinity)
  }
}
