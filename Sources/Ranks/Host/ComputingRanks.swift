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
  /// Of those of this host that compute; nil on the others.
  public let computingOfHost: Communicator?

  /// A collective.
  ///
  /// - Parameters:
  ///   - threads: of each rank.
  ///   - host: ranks that are taken to be of one host, this one among them; by default those that are.
  /// - Throws: `MPIError`.
  public init(_ all: Communicator, threads: Int, host: Communicator? = nil) throws {
    let host = try host ?? all.hostCommunicator()
    self.host = host
    let cores = try HostResources(host).cores
    let isComputing = Self.computes(rank: host.rank, cores: cores, threads: threads)
    numbers = try all.allGather(value: isComputing).enumerated().filter(\.element).map(\.offset)
    communicator = try all.group(ofThis: isComputing)
    computingOfHost = try host.group(ofThis: isComputing)
  }

  /// How many there are on the host that has least: a collective.
  ///
  /// - Throws: `MPIError`.
  public func leastOnHost(_ all: Communicator) throws -> Int {
    let onHost = try host.allReduce(value: communicator == nil ? 0 : 1, .sum)
    return try all.allReduce(value: onHost, .minimum)
  }

  /// Whether the rank of that number on a host computes.
  static func computes(rank: Int, cores: Int, threads: Int) -> Bool {
    rank < max(1, cores / threads)
  }
}
