import Kernels
import Testing

struct InstructionSetTests {
  @Test func availableAscendFromPortable() {
    #expect(InstructionSet.available.first == .portable)
    #expect(InstructionSet.available == InstructionSet.available.sorted())
    #expect(InstructionSet.portable < .avx2 && .avx2 < .avx512 && .avx512 < .avx512bf16)
  }

  @Test(arguments: [[:], ["RINGFLASH_ISA": ""], ["OTHER": "portable"]])
  func theHighestIsSelected(environment: [String: String]) throws {
    let selected = try InstructionSet.selected(environment: environment)
    #expect(selected == InstructionSet.available.max())
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
