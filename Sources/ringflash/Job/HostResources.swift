import Foundation
import Kernels
import MPI

/// What the ranks of one host share: cores and memory.
struct HostResources: Sendable {
  let ranks: Int
  /// Cores that the host's ranks may use together.
  let cores: Int
  /// Cores that this rank may use.
  let ownCores: Int

  /// - Throws: `MPIError`.
  init(_ host: Communicator) throws {
    ranks = host.size
    let own = Self.allowedCores()
    ownCores = own.count
    // Every rank's set of cores as one byte a core.
    let width = try host.allReduce(value: (own.max() ?? 0) + 1, .maximum)
    var mask = [Int](repeating: 0, count: width)
    for core in own { mask[core] = 1 }
    try mask.withUnsafeMutableBufferPointer { try host.allReduce(values: $0, .maximum) }
    cores = max(1, mask.reduce(0, +))
  }

  /// A rank's share of the cores, at least one thread.
  var threadsPerRank: Int { min(ownCores, max(1, cores / ranks)) }

  private static func allowedCores() -> [Int] {
    var set = cpu_set_t()
    guard sched_getaffinity(0, MemoryLayout<cpu_set_t>.size, &set) == 0 else { return [0] }
    return withUnsafeBytes(of: &set) { bytes in
      (0..<bytes.count * 8).filter { bytes[$0 / 8] & (1 << ($0 % 8)) != 0 }
    }
  }

  /// Bytes of memory that new work on this host may take: what the kernel says is available, or less by the control group.
  static var availableMemory: Int? {
    let lines = (try? String(contentsOfFile: "/proc/meminfo", encoding: .utf8)) ?? ""
    let available = lines.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
      .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) }.map { $0 * 1024 }
    func number(_ name: String) -> Int? {
      (try? String(contentsOfFile: "/sys/fs/cgroup/\(name)", encoding: .utf8))
        .flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
    guard let limit = number("memory.max"), let used = number("memory.current") else {
      return available
    }
    return min(available ?? .max, max(0, limit - used))
  }

  /// The most memory that this process has occupied so far, in bytes.
  static var peakResidentBytes: Int {
    var usage = rusage()
    getrusage(RUSAGE_SELF, &usage)
    return usage.ru_maxrss * 1024
  }
}
