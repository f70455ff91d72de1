import MPI

extension Communicator {
  /// The ranks of this one's host, as if they were on so many hosts, by turns: a collective.
  package func emulatedHost(of hosts: Int) throws -> Communicator {
    var own: Communicator?
    for host in 0..<hosts {
      if let group = try group(ofThis: rank % hosts == host) { own = group }
    }
    return own!
  }
}
