import Foundation
import Kernels
import MPI
import Ranks
import Reporting

/// `info`: what this job has to work with, and what one core of its first host can do, measured
/// now.
struct InfoReport: Codable, CommandReport {
  let version: String
  let ranks: Int
  let hosts: [String]
  let cpu: String
  let coresPerHost: Int
  let threadsPerRank: Int
  let instructionSet: String
  let instructionSetsAvailable: [String]
  let mpiLibrary: String
  let mpiStandard: String
  /// Null without a bf16 dot product.
  let dotProductGflops: Double?
  /// Null without an int8 dot product.
  let int8DotProductGops: Double?
  let multiplyAddGflops: Double
  let readGbPerSecond: Double
  /// What was read, and the last-level caches of the usable cores, which should hold less.
  let readBytes: Int
  let lastLevelCacheBytes: Int
  let availableMemoryBytes: Int?
  /// The control group whose limit that follows from; null where it is the host's memory.
  let limitingControlGroup: String?

  static func run(_ command: InfoCommand, _ job: Job) throws {
    let resources = try HostResources(job.host)
    let hosts = try job.gather(MPIEnvironment.processorName)
    // The other ranks wait without using their cores while rank 0 measures.
    try job.runOnRoot {
      let report = try InfoReport(resources, hosts: hosts ?? [])
      try report.write(asJSON: command.json)
    }
  }

  private init(_ resources: HostResources, hosts: [String]) throws {
    let selected = try InstructionSet.selected(environment: ProcessInfo.processInfo.environment)
    readBytes = resources.bytesBeyondCache
    lastLevelCacheBytes = LastLevelCache(cores: resources.coreNumbers).bytes
    let peaks = MeasuredPeaks(instructionSet: selected, memoryBytes: readBytes)
    let standard = MPIEnvironment.standardVersion
    version = Version.string
    ranks = hosts.count
    var distinct: [String] = []
    for host in hosts where !distinct.contains(host) { distinct.append(host) }
    self.hosts = distinct
    cpu = cpuName() ?? "unknown"
    coresPerHost = resources.cores
    threadsPerRank = resources.threadsPerRank
    instructionSet = selected.rawValue
    instructionSetsAvailable = InstructionSet.available.map(\.rawValue)
    mpiLibrary = MPIEnvironment.libraryVersion
    mpiStandard = "\(standard.major).\(standard.minor)"
    dotProductGflops = peaks.dotProductGFLOPS
    int8DotProductGops = peaks.int8DotProductGOPS
    multiplyAddGflops = peaks.multiplyAddGFLOPS
    readGbPerSecond = peaks.readGBPerSecond
    let memory = AvailableMemory()
    availableMemoryBytes = memory?.bytes
    limitingControlGroup = memory?.group?.group
  }

  static let valueColumn = 18

  var lines: [(label: String, value: String)] {
    let dotProduct = dotProductGflops.map { String(format: "%.1f GFLOP/s", $0) } ?? "none"
    let int8DotProduct = int8DotProductGops.map { String(format: "%.1f GOP/s", $0) } ?? "none"
    let library = mpiLibrary.split(separator: ",").first.map(String.init) ?? mpiLibrary
    return [
      ("ringflash", version),
      ("cpu", cpu),
      ("cores", "\(coresPerHost) usable on this host"),
      ("instruction set", "\(instructionSet) in use"),
      ("", "available: \(instructionSetsAvailable.joined(separator: ", "))"),
      ("MPI", "\(library), standard \(mpiStandard)"),
      (
        "ranks",
        "\(ranks) on \(hosts.count) host\(hosts.count == 1 ? "" : "s"): "
          + hosts.joined(separator: ", ")
      ),
      ("threads", "\(threadsPerRank) a rank"),
      ("bf16 dot product", "\(dotProduct) on one core"),
      ("int8 dot product", "\(int8DotProduct) on one core"),
      ("multiply-add", String(format: "%.1f GFLOP/s fp32 on one core", multiplyAddGflops)),
      (
        "memory read",
        String(format: "%.1f GB/s on one core", readGbPerSecond)
          + ", over \(decimalSize(readBytes)); "
          + "the last-level cache has \(decimalSize(lastLevelCacheBytes))"
      ),
      (
        "memory available",
        (availableMemoryBytes.map { String(format: "%.1f GB", Double($0) / 1e9) } ?? "unknown")
          + (limitingControlGroup.map { ", by the control group \($0)" } ?? "")
      ),
    ]
  }
}
