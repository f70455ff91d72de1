import MPI

/// The ranks that compute what every rank would compute alike: on each host as many as have cores for
/// their threads. Where there are more ranks than that, the others would only take turns with them.
public struct ComputingRanks {
  /// In ascending order.
  public let numbers: [Int]
  /// Of these ranks; nil on the others.
  public let communicator: Communicator?
  /// Of all ranks of this host.
  public let host: Communicator

  /// A collective.
  ///
  /// - Parameter threads: of each rank.
  /// - Throws: `MPIError`.
  public init(_ all: Communicator, threads: Int) throws {
    host = try all.hostCommunicator()
    let cores = try HostResources(host).cores
    let isComputing = Self.computes(rank: host.rank, cores: cores, threads: threads)
    numbers = try all.allGather(value: isComputing).enumerated().filter(\.element).map(\.offset)
    communicator = try all.group(ofThis: isComputing)
  }

  /// Whether the rank of that number on a host computes.
  static func computes(rank: Int, cores: Int, threads: Int) -> Bool {
    rank < max(1, cores / threads)
  }
}
