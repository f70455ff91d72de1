import Foundation
import MPI

/// What the ranks of one host share: cores and memory.
public struct HostResources: Sendable {
  public let ranks: Int
  /// This rank's number among them.
  public let rank: Int
  /// The numbers of the cores that the host's ranks may use together; empty where the system does
  /// not say.
  public let coreNumbers: [Int]
  /// Cores that the host's ranks may use together.
  public var cores: Int { max(1, coreNumbers.count) }
  /// Cores that this rank may use.
  public let ownCores: Int

  /// - Throws: `MPIError`.
  public init(_ host: Communicator) throws {
    ranks = host.size
    rank = host.rank
    let own = Self.allowedCores()
    ownCores = own.count
    // Every rank's set of cores as one byte a core.
    let width = try host.allReduce(value: (own.max() ?? 0) + 1, .maximum)
    var mask = [Int](repeating: 0, count: width)
    for core in own { mask[core] = 1 }
    try mask.withUnsafeMutableBufferPointer { try host.allReduce(values: $0, .maximum) }
    coreNumbers = mask.indices.filter { mask[$0] > 0 }
  }

  /// A rank's share of the cores, at least one thread.
  public var threadsPerRank: Int { min(ownCores, max(1, cores / ranks)) }

  /// How many of a rank's threads there are cores for, if each of the host's ranks has `threads`;
  /// none where the ranks before it have them all.
  public func runningThreads(ofEach threads: Int) -> Int {
    Self.runningThreads(ofEach: threads, rank: rank, ranks: ranks, cores: cores)
  }

  /// Evenly, so that ranks that are bound to cores of their own each use these.
  public static func runningThreads(
    ofEach threads: Int, rank: Int, ranks: Int, cores: Int
  ) -> Int {
    let running = min(ranks * threads, cores)
    return running / ranks + (rank < running % ranks ? 1 : 0)
  }

  /// The numbers of the cores that the kernel lets this process use.
  public static func allowedCores() -> [Int] {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let key = "Cpus_allowed_list:"
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(key) }) else {
      return Array(0..<ProcessInfo.processInfo.activeProcessorCount)
    }
    // Such as "0-3,8".
    return line.dropFirst(key.count).split(separator: ",").flatMap { part -> [Int] in
      let bounds = part.split(separator: "-").compactMap {
        Int($0.trimmingCharacters(in: .whitespaces))
      }
      guard let first = bounds.first, let last = bounds.last else { return [] }
      return Array(first...last)
    }
  }

  /// Bytes of which a pass over all comes from memory, not from a cache: twice the last-level
  /// caches, but at most half of the memory that is available.
  public var bytesBeyondCache: Int { Self.bytesBeyondCache(ofCores: coreNumbers) }

  /// The same of cores that are used together.
  public static func bytesBeyondCache(ofCores cores: [Int]) -> Int {
    let cache = LastLevelCache(cores: cores).bytes
    return max(1 << 21, min(2 * cache, (AvailableMemory()?.bytes ?? .max) / 2))
  }

  /// The most memory that this process has occupied so far, in bytes.
  public static var peakResidentBytes: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }
}
