import Kernels
import Testing

struct InstructionSetTests {
  @Test func availableAscendFromPortable() {
    #expect(InstructionSet.available.first == .portable)
    #expect(InstructionSet.available == InstructionSet.available.sorted())
    #expect(InstructionSet.portable < .avx2 && .avx2 < .avx512 && .avx512 < .avx512bf16)
  }

  @Test(arguments: [[:], ["RINGFLASH_ISA": ""], ["OTHER": "portable"]])
  func theFastestIsSelected(environment: [String: String]) throws {
    let selected = try InstructionSet.selected(environment: environment)
    #expect(selected == InstructionSet.fastest)
  }

  /// By what both do here, where neither is near the other.
  @Test func theFastestIsTheOneWithTheHighestPeak() {
    let available = InstructionSet.available
    guard available.contains(.avx512bf16) else {
      #expect(InstructionSet.fastest == available.max())
      return
    }
    let peaks = MeasuredPeaks(instructionSet: .avx512bf16, memoryBytes: 1 << 21)
    let ratio = peaks.dotProductGFLOPS! / peaks.multiplyAddGFLOPS
    if ratio > 1.2 { #expect(InstructionSet.fastest == .avx512bf16) }
    if ratio < 0.8 { #expect(InstructionSet.fastest == .avx512) }
  }

  @Test(arguments: InstructionSet.allCases)
  func oneIsForced(_ set: InstructionSet) throws {
    let environment = ["RINGFLASH_ISA": set.rawValue]
    if InstructionSet.available.contains(set) {
      #expect(try InstructionSet.selected(environment: environment) == set)
    } else {
      let error = #expect(throws: InstructionSetError.self) {
        try InstructionSet.selected(environment: environment)
      }
      #expect(error?.description.contains("does not have") == true)
    }
  }

  @Test(arguments: ["AVX2", "avx", " portable", "neon"])
  func anUnknownOneIsAnError(name: String) throws {
    let error = try #require(
      #expect(throws: InstructionSetError.self) {
        try InstructionSet.selected(environment: ["RINGFLASH_ISA": name])
      })
    #expect(error.description.contains("'\(name)'"))
    #expect(error.description.contains("RINGFLASH_ISA"))
    #expect(error.description.contains("portable"))
  }

  @Test func theCPUsNameIsText() {
    #expect(cpuName().map { !$0.isEmpty && !$0.contains("\0") } ?? true)
  }
}
