/// What one model and one kind of machine can be asked about: pure functions of numbers.
public struct Planner: Sendable {
  public let workload: Workload
  public let machine: Machine
  public let ranksPerHost: Int
  public let scheme: StepScheme

  public init(
    _ workload: Workload, on machine: Machine, ranksPerHost: Int = 1,
    scheme: StepScheme = StepScheme()
  ) {
    self.workload = workload
    self.machine = machine
    self.ranksPerHost = ranksPerHost
    self.scheme = scheme
  }

  public func cluster(hosts: Int, dividesWeights: Bool) -> Cluster {
    Cluster(hosts: hosts, ranksPerHost: ranksPerHost, dividesWeights: dividesWeights)
  }

  public func prefill(_ cluster: Cluster) -> PrefillTime {
    PrefillTime(workload, on: machine, cluster)
  }

  public func token(_ cluster: Cluster) -> TokenTime {
    TokenTime(workload, on: machine, cluster, scheme: scheme)
  }

  /// Seconds of a prefill in which cores wait for other hosts: what a run can say before it starts.
  public func exposedExchangeSeconds(_ cluster: Cluster) -> Double {
    prefill(cluster).exposedSeconds
  }

  /// The part of all hosts' time that goes to what one host would have to do alone, 0…1.
  public func efficiency(_ cluster: Cluster) -> Double {
    let alone = prefill(self.cluster(hosts: 1, dividesWeights: false))
    let useful = alone.linear + alone.attention - alone.imbalance
    return useful / (prefill(cluster).seconds * Double(cluster.hosts))
  }

  // MARK: - Where things end

  /// Hosts that are worth asking about.
  static let mostHosts = 1 << 20

  /// The number of hosts, a power of two, from which on twice as many make a prefill less than 1.2 times
  /// as fast, and why; nil if there is none up to a million.
  public func lastUsefulHosts(dividesWeights: Bool) -> (hosts: Int, bound: Bound)? {
    var hosts = 1
    var time = prefill(cluster(hosts: 1, dividesWeights: false))
    while hosts < Self.mostHosts {
      let more = prefill(cluster(hosts: 2 * hosts, dividesWeights: dividesWeights))
      if time.seconds < 1.2 * more.seconds { return (hosts, more.lastingBound) }
      (hosts, time) = (2 * hosts, more)
    }
    return nil
  }

  /// The same of a step of generation.
  public func lastUsefulHostsOfToken(dividesWeights: Bool) -> (hosts: Int, bound: Bound)? {
    var hosts = 1
    var time = token(cluster(hosts: 1, dividesWeights: false))
    while hosts < Self.mostHosts {
      let more = token(cluster(hosts: 2 * hosts, dividesWeights: dividesWeights))
      if time.seconds < 1.2 * more.seconds { return (hosts, more.bound) }
      (hosts, time) = (2 * hosts, more)
    }
    return nil
  }

  /// The fewest tokens, a multiple of a block a rank, of which nobody waits for keys and values (more
  /// than for overheads of hops); 0 where nothing is exchanged, nil where no length is enough.
  public func tokensThatHideKeysAndValues(_ cluster: Cluster) -> Int? {
    tokensThatHide(cluster) {
      let hops = Double(cluster.ranks - 1) * machine.link.hopMicroseconds * 1e-6
      return $0.exposedKeysAndValues + $0.exposedLatency
        <= Double(workload.layers.count) * hops + 1e-12
    }
  }

  /// The same of weights, as they come where they are divided; the first layer's, and the
  /// embedding, are always waited for.
  public func tokensThatHideWeights(_ cluster: Cluster) -> Int? {
    var divided = cluster
    divided.dividesWeights = cluster.hosts > 1
    let before = ([workload.embeddingBytes] + workload.layers.prefix(1).map(\.weightBytes)).reduce(
      0
    ) { $0 + PrefillTime.gatheringSeconds(bytes: $1, machine, divided) }
    return tokensThatHide(divided) { $0.exposedWeights <= before + 1e-12 }
  }

  /// Computation grows with the square of the tokens and messages grow with them, so by doubling and
  /// halving.
  private func tokensThatHide(
    _ cluster: Cluster, _ hides: (PrefillTime) -> Bool
  ) -> Int? {
    guard cluster.ranks > 1 else { return 0 }
    func isHidden(at units: Int) -> Bool {
      let tokens = units * cluster.ranks * Cluster.tokensPerBlock
      return hides(PrefillTime(workload.with(tokens: tokens), on: machine, cluster))
    }
    let most = 1 << 40 / (cluster.ranks * Cluster.tokensPerBlock)
    var high = 1
    while high < most, !isHidden(at: high) { high *= 2 }
    guard high < most else { return nil }
    var low = high / 2
    while high - low > 1 {
      let middle = (low + high) / 2
      if isHidden(at: middle) { high = middle } else { low = middle }
    }
    return high * cluster.ranks * Cluster.tokensPerBlock
  }
}
