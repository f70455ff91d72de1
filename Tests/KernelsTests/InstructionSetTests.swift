import Foundation
import Kernels
import Testing

struct InstructionSetTests {
  /// What Linux says of the first processor, by name: a second opinion beside cpuid.
  private static let processor: [String: String] = {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let lines = text.prefix(upTo: text.range(of: "\n\n")?.lowerBound ?? text.endIndex)
      .split(separator: "\n")
    let pairs = lines.map { line in
      line.split(separator: ":", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
    }
    return Dictionary(pairs.map { ($0[0], $0.count > 1 ? $0[1] : "") }) { first, _ in first }
  }()

  private static let flags = Set((processor["flags"] ?? "").split(separator: " ").map(String.init))

  /// Those of which Linux names every instruction.
  private static let known: [InstructionSet] = {
    let needed: [(InstructionSet, Set<String>)] = [
      (.avx2, ["avx2", "fma", "f16c"]),
      (.avx512, ["avx512f", "avx512bw", "avx512dq", "avx512vl"]),
      (.avx512bf16, ["avx512_bf16"]),
    ]
    // Each includes those before it.
    return [.portable] + needed.prefix { $0.1.isSubset(of: flags) }.map(\.0)
  }()

  @Test(.enabled(if: !processor.isEmpty, "without /proc/cpuinfo"))
  func availableAreThoseThatLinuxKnows() {
    #expect(InstructionSet.available == Self.known)
  }

  @Test func theyAscend() {
    let ascending: [InstructionSet] = [.portable, .avx2, .avx512, .avx512bf16]
    #expect(InstructionSet.allCases.reversed().sorted() == ascending)
    for (index, set) in ascending.enumerated() {
      for (other, higher) in ascending.enumerated() {
        #expect((set < higher) == (index < other), "\(set), \(higher)")
      }
    }
  }

  @Test func theHighestIsTheFastest() {
    let all = InstructionSet.allCases
    for count in 1...all.count {
      #expect(
        InstructionSet.fastest(of: Array(all[..<count]), dotProductPays: true) == all[count - 1])
    }
  }

  @Test func aSlowDotProductIsNotTheFastest() {
    let all = InstructionSet.allCases
    for count in 1...all.count {
      #expect(
        InstructionSet.fastest(of: Array(all[..<count]), dotProductPays: false)
          == all[min(count, 3) - 1])
    }
  }

  /// Intel's cores begin half as many bf16 dot products as multiply-adds.
  @Test(.enabled(if: processor["vendor_id"] != nil, "Linux does not name the CPU's maker"))
  func theFastestHereFollowsFromTheMaker() {
    let pays = Self.processor["vendor_id"] != "GenuineIntel"
    #expect(
      InstructionSet.fastest == InstructionSet.fastest(of: Self.known, dotProductPays: pays))
  }

  /// Others may compute here at the same time, so the best of several tries counts.
  @Test(.enabled(if: InstructionSet.available.contains(.avx512bf16), "no bf16 dot product here"))
  func theFastestIsTheOneWithTheHighestPeak() throws {
    // Where others use the cores, one of the two may have had less of them: that does not come again
    // and again.
    let contradicts = try (0..<20).allSatisfy { _ in
      let peaks = MeasuredPeaks(instructionSet: .avx512bf16, memoryBytes: 1 << 21)
      let ratio = try #require(peaks.dotProductGFLOPS) / peaks.multiplyAddGFLOPS
      return InstructionSet.fastest == .avx512bf16 ? ratio < 0.8 : ratio > 1.2
    }
    #expect(!contradicts)
  }

  @Test(arguments: [[:], ["RINGFLASH_ISA": ""], ["OTHER": "portable"]], InstructionSet.allCases)
  func theFastestIsSelected(environment: [String: String], fastest: InstructionSet) throws {
    #expect(
      try InstructionSet.selected(
        environment: environment, available: InstructionSet.allCases, fastest: fastest) == fastest)
  }

  @Test(arguments: InstructionSet.allCases, InstructionSet.allCases)
  func anyThatTheCPUHasIsForced(_ set: InstructionSet, highest: InstructionSet) throws {
    let available = InstructionSet.allCases.filter { $0 <= highest }
    let environment = ["RINGFLASH_ISA": set.rawValue]
    if set <= highest {
      #expect(
        try InstructionSet.selected(
          environment: environment, available: available, fastest: .portable) == set)
      return
    }
    let error = try #require(throws: InstructionSetError.self) {
      try InstructionSet.selected(
        environment: environment, available: available, fastest: .portable)
    }
    let names = available.map(\.rawValue).joined(separator: ", ")
    #expect(
      error.description
        == "RINGFLASH_ISA asks for '\(set.rawValue)', which this CPU does not have; it has: \(names)"
    )
  }

  @Test(arguments: ["AVX2", "avx", " portable", "neon"])
  func anUnknownOneIsAnError(name: String) throws {
    let error = try #require(throws: InstructionSetError.self) {
      try InstructionSet.selected(
        environment: ["RINGFLASH_ISA": name], available: [.portable, .avx2], fastest: .avx2)
    }
    #expect(
      error.description
        == "RINGFLASH_ISA is '\(name)', which is no instruction set; this CPU has: portable, avx2")
  }

  /// What nobody passes is what this CPU has.
  @Test(arguments: InstructionSet.allCases)
  func theCPUIsAskedWhereNothingElseIsSaid(_ set: InstructionSet) throws {
    #expect(try InstructionSet.selected(environment: [:]) == InstructionSet.fastest)
    let forced = try? InstructionSet.selected(environment: ["RINGFLASH_ISA": set.rawValue])
    #expect(forced == (InstructionSet.available.contains(set) ? set : nil))
  }

  @Test(.enabled(if: processor["vendor_id"] != nil, "Linux does not name the CPU"))
  func theCPUsNameIsThatOfLinux() {
    let words = (Self.processor["model name"] ?? "").split(separator: " ")
    #expect(cpuName() == words.joined(separator: " "))
  }
}
