import MPI

/// The ranks that compute what every rank would compute alike: on each host as many as have cores for
/// their threads. Where there are more ranks than that, the others would only take turns with them.
public struct ComputingRanks {
  /// One host after the other, in the order of the hosts' first ranks; on each in ascending order.
  public let numbers: [Int]
  /// `[hosts]`: which of `numbers` each has, one at least.
  public let ofHosts: [Range<Int>]
  /// This host's among them.
  public let hostNumber: Int
  /// Of these ranks, in this order; nil on the others.
  public let communicator: Communicator?
  /// Of all ranks of this host.
  public let host: Communicator
  /// Of those of this host that compute; nil on the others.
  public let computingOfHost: Communicator?

  private struct Place: BitwiseCopyable {
    /// The first rank of its host.
    let host: Int
    let computes: Bool
  }

  /// A collective.
  ///
  /// - Parameter threads: of each rank.
  /// - Throws: `MPIError`.
  public init(_ all: Communicator, threads: Int) throws {
    host = try all.hostCommunicator()
    let cores = try HostResources(host).cores
    let own = Place(
      host: try host.allReduce(value: all.rank, .minimum),
      computes: Self.computes(rank: host.rank, cores: cores, threads: threads))
    let places = try all.allGather(value: own)
    let hosts = Set(places.map(\.host)).sorted()
    var (numbers, ofHosts): ([Int], [Range<Int>]) = ([], [])
    for host in hosts {
      let start = numbers.count
      numbers += places.indices.filter { places[$0].host == host && places[$0].computes }
      ofHosts.append(start..<numbers.count)
    }
    (self.numbers, self.ofHosts) = (numbers, ofHosts)
    hostNumber = hosts.firstIndex(of: own.host)!
    communicator = try all.group(
      ofThis: own.computes, orderedBy: numbers.firstIndex(of: all.rank) ?? 0)
    computingOfHost = try host.group(ofThis: own.computes)
  }

  /// How many there are on the host that has least.
  public var leastOnHost: Int { ofHosts.map(\.count).min()! }

  /// Whether the rank of that number on a host computes.
  static func computes(rank: Int, cores: Int, threads: Int) -> Bool {
    rank < max(1, cores / threads)
  }
}
