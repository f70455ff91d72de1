// The time of a step of generation, in which every answer gets a token. Of a layer:
//
//   reading     the weights that the tokens need, each byte once over all hosts, and keys and values of
//               the context, each host its own; at the rate of memory, or of arithmetic if that is less
//   exchanges   of every group of linear layers that is divided, and of attention's states: a meeting of
//               the ranks of a host, and among H hosts log2 H steps, each with the latency of the
//               network, and the bytes over the link

/// How ranks share a step: the program's own way, or another system's.
public struct StepScheme: Sendable {
  /// Whether linear layers that are worth it are divided over all ranks.
  public var dividesLinearLayers = true
  /// Whether a group of so many bytes is worth dividing over so many ranks that are, or are not, on one
  /// host.
  public var isWorthDividing: @Sendable (_ bytes: Int, _ ranks: Int, _ hasOneHost: Bool) -> Bool
  /// Messages, one after the other, of an exchange among so many hosts.
  public var steps: @Sendable (_ cluster: Cluster) -> Int

  /// - Parameter isWorthDividing: by default, every group is.
  public init(
    isWorthDividing: @escaping @Sendable (Int, Int, Bool) -> Bool = { _, ranks, _ in ranks > 1 }
  ) {
    self.isWorthDividing = isWorthDividing
    steps = { $0.doublings }
  }

  /// Queries that go round a ring of hosts, each of which has all weights, and come back in an exchange
  /// of all with all, which takes as long as two messages (arXiv:2411.01783, section 3.4).
  public static var queriesRoundTheRing: StepScheme {
    var scheme = StepScheme()
    scheme.dividesLinearLayers = false
    scheme.steps = { $0.hosts > 1 ? $0.hosts - 1 + 2 : 0 }
    return scheme
  }
}

/// Seconds of a step of generation.
public struct TokenTime: Equatable, Sendable {
  public var weights = 0.0
  public var keysAndValues = 0.0
  /// Of exchanges: messages without content, meetings of ranks.
  public var latency = 0.0
  /// Of exchanges: what messages contain.
  public var content = 0.0
  /// Exchanges of all layers and the head.
  public var exchanges = 0

  public var seconds: Double { weights + keysAndValues + latency + content }

  public init(
    _ workload: Workload, on machine: Machine, _ cluster: Cluster,
    scheme: StepScheme = StepScheme()
  ) {
    let step = Step(workload: workload, machine: machine, cluster: cluster, scheme: scheme)
    for layer in workload.layers {
      for group in layer.linear { step.multiply(group, &self) }
      step.attend(layer, &self)
    }
    step.multiply(workload.head, &self)
  }
}

/// What a step is made of, each added to its time.
private struct Step {
  let workload: Workload
  let machine: Machine
  let cluster: Cluster
  let scheme: StepScheme

  /// Ranks of a host that compute: as many as there are cores.
  private var computing: Int { min(cluster.ranksPerHost, machine.cores) }

  func multiply(_ group: Workload.LinearWeights, _ time: inout TokenTime) {
    let bytes = group.bytes(tokens: workload.answers)
    let flops = group.flops * Double(workload.answers)
    let alone = max(bytes / machine.memoryRate, flops / machine.linearRate(workload.linear))
    guard scheme.dividesLinearLayers, cluster.ranks > 1 else {
      time.weights += alone
      return
    }
    guard
      cluster.dividesWeights
        || scheme.isWorthDividing(Int(bytes), cluster.hosts * computing, cluster.hosts == 1)
    else {
      // Every rank of a host reads all of it.
      time.weights += alone * Double(computing)
      return
    }
    time.weights += alone / Double(cluster.hosts)
    if group.isExchanged {
      exchange(bytes: Double(group.outputs * 4 * workload.answers), isGathered: true, &time)
    }
  }

  func attend(_ layer: Workload.Layer, _ time: inout TokenTime) {
    let seen = min(workload.tokens, layer.window ?? workload.tokens)
    // By the host that has the most of them. Answers see the same context, which is read once for all.
    let read = Double(min(seen, cluster.mostTokens(of: workload.tokens) * cluster.ranksPerHost))
    let flops = read * 4 * Double(layer.queryHeads * layer.headDimension * workload.answers)
    time.keysAndValues += max(
      read * layer.keyValueBytes / machine.memoryRate,
      flops / machine.attentionRate(workload.attention))
    guard cluster.ranks > 1 else { return }
    // A state is a maximum, a sum, and the head's output, in Float64.
    let states = layer.queryHeads * (layer.headDimension + 2) * 8 * workload.answers
    exchange(bytes: Double(states), isGathered: false, &time)
  }

  /// - Parameter bytes: of all ranks' parts where they are gathered, else of each.
  private func exchange(bytes: Double, isGathered: Bool, _ time: inout TokenTime) {
    time.exchanges += 1
    if cluster.ranksPerHost > 1 { time.latency += Machine.meetingSeconds }
    guard cluster.hosts > 1 else { return }
    let steps = Double(scheme.steps(cluster))
    time.latency += steps * machine.link.latencyMicroseconds * 1e-6
    let hosts = Double(cluster.hosts)
    time.content += bytes * (isGathered ? (hosts - 1) / hosts : steps) / machine.linkRate
  }
}
