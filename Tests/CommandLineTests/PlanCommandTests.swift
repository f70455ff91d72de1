import CommandLine
import Foundation
import Planning
import Testing

/// What `plan` is told, and the machines that it knows.
@Suite struct PlanCommandTests {
  private func plan(_ arguments: [String]) throws -> PlanCommand {
    guard case .plan(let plan) = try CommandLineParser.parse(["plan"] + arguments).get() else {
      throw Wrong()
    }
    return plan
  }

  private struct Wrong: Error {}

  @Test func byDefault() throws {
    let plan = try plan(["--tokens", "1000"])
    #expect(plan.tokens == 1000 && plan.model == "needle" && plan.ranks == 1)
    #expect(plan.series == [1, 2, 4, 8, 16] && plan.answers == 1 && plan.maxTokens == 128)
    #expect(plan.machine == nil && plan.link == nil && plan.latency == nil && plan.plot == nil)
    #expect(plan.divideWeights == .auto && plan.format == .markdown)
  }

  @Test(arguments: [
    ("1", [1]), ("2", [1, 2]), ("6", [1, 2, 4, 6]), ("8", [1, 2, 4, 8]), ("4,2", [2, 4]),
    ("3,3", [3]), ("4096,1", [1, 4096]),
  ])
  func series(hosts: String, expected: [Int]) throws {
    #expect(try plan(["--tokens", "1", "--hosts", hosts]).series == expected)
  }

  @Test(arguments: [
    [], ["--tokens", "0"], ["--tokens", "1", "--hosts", "0"], ["--tokens", "1", "--hosts", "-1"],
    ["--tokens", "1", "--hosts", "4097"], ["--tokens", "1", "--hosts", "1,,2"],
    ["--tokens", "1", "--link", "0"], ["--tokens", "1", "--link", "-10"],
    ["--tokens", "1", "--link", "inf"], ["--tokens", "1", "--link", "fast"],
    ["--tokens", "1", "--latency", "-1"], ["--tokens", "1", "--latency", "nan"],
    ["--tokens", "1", "--answers", "0"], ["--tokens", "1", "--answers", "65"],
    ["--tokens", "1", "--ranks", "0"], ["--tokens", "1", "--machine", ""],
    ["--tokens", "1", "--hosts", "4096", "--ranks", "5"], ["--tokens", "1", "--plot", "plan.pdf"],
    ["--tokens", "1", "--plot", "svg"], ["--tokens", "1", "--divide-weights", "maybe"],
    ["--tokens", "1", "--format", "yaml"], ["--tokens", "1", "stray"],
    ["--tokens", "1", "--precision", "fp32", "--kv-cache", "bf16"],
  ])
  func wrongUsage(arguments: [String]) throws {
    guard case .failure(.failure(let failure)) = CommandLineParser.parse(["plan"] + arguments)
    else { return #expect(Bool(false), "\(arguments) is taken") }
    #expect(failure.exitCode == .usage)
    #expect(failure.message.hasSuffix("(see 'ringflash plan --help')"))
    #expect(!failure.message.contains("\n"))
  }

  // MARK: - Machines

  private static let machineFolder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("configs/machines").path

  /// Each file in `configs/machines` can be read, and says where its numbers are from.
  @Test func committedMachines() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.machineFolder)
    #expect(names.count >= 5)
    for name in names {
      let path = "\(Self.machineFolder)/\(name)"
      let machine = try MachineFile.machine(path)
      #expect("\(machine.name).yaml" == name)
      #expect(machine.peaks.bf16 > 100 && machine.memoryBytes > 1e9, "\(name)")
      let text = try String(contentsOfFile: path, encoding: .utf8)
      let isComment = text.split(separator: "\n").map { $0.hasPrefix("#") }
      #expect(isComment.count { $0 } >= 7, "\(name) gives sources")
    }
  }

  static let plain = """
    cores: 4
    bf16-gflops: 1000
    8-bit-gops: 2e3
    fp32-gflops: 500
    memory-gb-per-second: 100.5
    memory-gb: 64
    link-gbit: 10
    latency-us: 0

    """

  @Test func machineFile() throws {
    let machine = try MachineFile.machine(
      yaml: Self.plain + "hop-us: 3\nlink-efficiency: 0.5\n", path: "folder/mine.yaml")
    var expected = Machine(
      name: "mine", cores: 4, peaks: .init(bf16: 1000, eightBit: 2000, fp32: 500),
      memoryGBPerSecond: 100.5, memoryBytes: 64e9,
      link: .init(gigabitsPerSecond: 10, latencyMicroseconds: 0, hopMicroseconds: 3))
    expected.efficiency.link = 0.5
    #expect(machine == expected)
  }

  @Test(arguments: [
    ("", "expected lines"), ("- 1\n", "expected lines"), ("a: b: c\n", ":1:"),
    ("cores: 4\n", "lacks bf16-gflops, 8-bit-gops"), (plain + "core: 3\n", "did you mean 'cores'?"),
    (plain + "speed: 3\n", ":9:1: unknown key 'speed'; a machine has cores"),
    (
      plain.replacing("memory-gb: 64", with: "memory-gb: lots"),
      ":6:12: 'memory-gb' expects a number"
    ),
    (
      plain.replacing("memory-gb: 64", with: "memory-gb: 1e10"),
      "'memory-gb' expects a number from 1e-06 to 1e+09"
    ),
    (plain.replacing("cores: 4", with: "cores: 0"), "'cores' expects a number from 1"),
    (plain.replacing("link-gbit: 10", with: "link-gbit: -1"), "'link-gbit' expects a number"),
    (plain.replacing("link-gbit: 10", with: "link-gbit: .nan"), "'link-gbit' expects a number"),
    (plain + "linear-efficiency: 1.5\n", "'linear-efficiency' expects a number from 1e-06 to 1"),
    (plain + "cores: 5\n", "'cores' is given here and again"),
  ])
  func wrongMachine(yaml: String, words: String) throws {
    let failure = try #require(
      caughtFailure { _ = try MachineFile.machine(yaml: yaml, path: "m.yaml") })
    #expect(failure.exitCode == .badData)
    #expect(failure.sentence.contains(words), "\(failure.sentence)")
    #expect(failure.sentence.hasPrefix("m.yaml"))
  }

  @Test func unknownMachine() throws {
    let failure = try #require(caughtFailure { _ = try MachineFile.machine("no such machine") })
    #expect(failure.exitCode == .noInput)
    #expect(failure.sentence.contains("there is no machine 'no such machine'"))
  }
}
