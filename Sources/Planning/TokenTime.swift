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

  private let workload: Workload
  private let machine: Machine
  private let cluster: Cluster
  private let scheme: StepScheme

  public static func == (left: TokenTime, right: TokenTime) -> Bool {
    left.weights == right.weights && left.keysAndValues == right.keysAndValues
      && left.latency == right.latency && left.content == right.content
  }

  public init(
    _ workload: Workload, on machine: Machine, _ cluster: Cluster,
    scheme: StepScheme = StepScheme()
  ) {
    self.workload = workload
    self.machine = machine
    self.cluster = cluster
    self.scheme = scheme
    for layer in workload.layers {
      for group in layer.linear { multiply(group) }
      attend(layer)
    }
    multiply(workload.head)
  }

  /// Ranks of a host that compute: as many as there are cores.
  private var computing: Int { min(cluster.ranksPerHost, machine.cores) }

  private mutating func multiply(_ group: Workload.LinearWeights) {
    let bytes = group.bytes(tokens: workload.answers)
    let isDivided =
      scheme.dividesLinearLayers && cluster.ranks > 1
      && (cluster.dividesWeights
        || scheme.isWorthDividing(Int(bytes), cluster.hosts * computing, cluster.hosts == 1))
    // Undivided, every rank of a host reads all of it.
    let parts =
      isDivided ? Double(cluster.hosts) : 1 / Double(scheme.dividesLinearLayers ? computing : 1)
    let flops = group.flops * Double(workload.answers)
    weights += max(bytes / machine.memoryRate, flops / machine.linearRate(workload.linear)) / parts
    if isDivided { exchange(bytes: Double(group.outputs * 4 * workload.answers), isGathered: true) }
  }

  private mutating func attend(_ layer: Workload.Layer) {
    let seen = Double(min(workload.tokens, layer.window ?? workload.tokens))
    let fullest =
      Double(cluster.mostTokens(of: workload.tokens) * cluster.ranksPerHost)
      / Double(workload.tokens)
    // Answers see the same context, which is read once for all of them.
    let flops = seen * 4 * Double(layer.queryHeads * layer.headDimension * workload.answers)
    keysAndValues +=
      max(
        seen * layer.keyValueBytes / machine.memoryRate,
        flops / machine.attentionRate(workload.attention))
      * fullest
    guard cluster.ranks > 1 else { return }
    // A state is a maximum, a sum, and the head's output, in Float64.
    let states = layer.queryHeads * (layer.headDimension + 2) * 8 * workload.answers
    exchange(bytes: Double(states), isGathered: false)
  }

  /// - Parameters:
  ///   - bytes: of all ranks' parts where they are gathered, else of each.
  private mutating func exchange(bytes: Double, isGathered: Bool) {
    exchanges += 1
    if cluster.ranksPerHost > 1 { latency += Machine.meetingSeconds }
    guard cluster.hosts > 1 else { return }
    let steps = Double(scheme.steps(cluster))
    latency += steps * machine.link.latencyMicroseconds * 1e-6
    let hosts = Double(cluster.hosts)
    content += bytes * (isGathered ? (hosts - 1) / hosts : steps) / machine.linkRate
  }
}
