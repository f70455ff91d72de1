// The time of a step of generation, in which every answer gets a token. Of a layer:
//
//   reading     the weights that the tokens need, each byte once over all hosts, and keys and values of
//               the context, each host its own; at the rate of memory, or of arithmetic if that is less
//   exchanges   a meeting of the ranks of a host, and among H hosts:
//               outputs that are gathered, or states of which each host gets those of its heads: a message
//               to every other host, in all (H − 1)/H of the bytes
//               sums over columns: the same with all partial sums, or two, the second with what is added up
//               states that all hosts get, where weights are divided: the same, or log2 H steps up and down

/// How ranks share a step: the program's own way, or another system's.
public struct StepScheme: Sendable {
  /// Whether linear layers that are worth it are divided over all ranks.
  public var dividesLinearLayers = true
  /// Whether a group is worth dividing by rows.
  public var isWorthDividing: @Sendable (_ group: DividedGroups) -> Bool
  /// Whether hosts divide the last of some groups by columns, so that those before it need no message.
  public var isFasterByColumns: @Sendable (_ groups: DividedGroups) -> Bool = { _ in true }
  /// Of a group that is divided by columns: the part that the host with most of it has, and how many layers
  /// it has of which others have columns, too.
  public var share: @Sendable (_ groups: DividedGroups) -> (part: Double, layersInParts: Int) = {
    (1 / Double($0.hosts), 1)
  }
  /// Messages, one after the other, of every exchange among so many hosts; nil for the program's own.
  public var steps: (@Sendable (_ cluster: Cluster) -> Int)?

  /// - Parameter isWorthDividing: by default, every group is.
  public init(
    isWorthDividing: @escaping @Sendable (DividedGroups) -> Bool = { $0.hosts * $0.ranks > 1 }
  ) {
    self.isWorthDividing = isWorthDividing
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

/// Groups of a layer that follow each other, or one, and on whom they are divided.
public struct DividedGroups {
  public let linear: [Workload.LinearWeights]
  /// Whether the first one's inputs are what was attended.
  public let followAttention: Bool
  public let answers: Int
  public let hosts: Int
  /// Of a host, that compute.
  public let ranks: Int

  package init(
    linear: [Workload.LinearWeights], followAttention: Bool, answers: Int, hosts: Int, ranks: Int
  ) {
    self.linear = linear
    self.followAttention = followAttention
    self.answers = answers
    self.hosts = hosts
    self.ranks = ranks
  }

  /// What answers need of a group.
  public func bytes(_ group: Workload.LinearWeights) -> Int { Int(group.bytes(tokens: answers)) }

  /// How many experts answers choose together.
  public func chosenExperts(_ group: Workload.LinearWeights) -> Int {
    guard let experts = group.experts else { return 1 }
    return Int(
      (Double(experts.chosen) * group.bytes(tokens: answers) / group.bytes(tokens: 1)).rounded())
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
      let uses = step.uses(of: layer)
      for (group, use) in zip(layer.linear, uses) {
        step.multiply(group, use, &self)
      }
      step.attend(layer, scatters: uses.count == 4 && uses[1] == .summed, &self)
    }
    step.multiply(workload.head, .gathered, &self)
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

  /// What becomes of a group's outputs where it is divided.
  enum Use { case gathered, kept, summed }

  /// A layer's four groups: hosts that have all weights may sum the second and the last over columns, so
  /// that what gate and up give stays where it is.
  func uses(of layer: Workload.Layer) -> [Use] {
    var uses = layer.linear.map { _ in Use.gathered }
    guard
      cluster.hosts > 1 && !cluster.dividesWeights && scheme.steps == nil
        && layer.linear.count == 4
    else { return uses }
    func isSummed(_ groups: Range<Int>) -> Bool {
      scheme.isFasterByColumns(
        divided(Array(layer.linear[groups]), followAttention: groups.lowerBound == 1))
    }
    if isSummed(1..<2) { uses[1] = .summed }
    if isSummed(2..<4) { uses[2...3] = [.kept, .summed] }
    return uses
  }

  private func divided(
    _ linear: [Workload.LinearWeights], followAttention: Bool = false
  ) -> DividedGroups {
    DividedGroups(
      linear: linear, followAttention: followAttention, answers: workload.answers,
      hosts: cluster.hosts, ranks: computing)
  }

  func multiply(_ group: Workload.LinearWeights, _ use: Use, _ time: inout TokenTime) {
    let bytes = group.bytes(tokens: workload.answers)
    let flops = group.flops * Double(workload.answers)
    let alone = max(bytes / machine.memoryRate, flops / machine.linearRate(workload.linear))
    guard scheme.dividesLinearLayers, cluster.ranks > 1 else {
      time.weights += alone
      return
    }
    guard
      cluster.dividesWeights || use != .gathered || scheme.isWorthDividing(divided([group]))
    else {
      // Every rank of a host reads all of it.
      time.weights += alone * Double(computing)
      return
    }
    let outputs = Double(group.outputs * workload.answers)
    guard use != .gathered else {
      time.weights += alone / Double(cluster.hosts)
      return exchange(.gather(bytes: 4 * outputs), &time)
    }
    let share = scheme.share(divided([group]))
    time.weights += alone * share.part
    guard use == .summed else { return }
    time.weights +=
      Double(share.layersInParts * group.outputs) / Double(computing) * Machine.stripeSeconds
    exchange(.sum(bytes: 8 * outputs), &time)
  }

  /// - Parameter scatters: whether each host needs the states of its own heads alone.
  func attend(_ layer: Workload.Layer, scatters: Bool, _ time: inout TokenTime) {
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
    exchange(
      scatters ? .gather(bytes: Double(states)) : .reduction(bytes: Double(states)), &time)
  }

  private enum Exchange {
    /// Of so many bytes over all hosts; also where each host gets its part of all others'.
    case gather(bytes: Double)
    /// Of so many bytes on every host.
    case sum(bytes: Double)
    case reduction(bytes: Double)

    var bytes: Double {
      switch self {
      case .gather(let bytes), .sum(let bytes), .reduction(let bytes): bytes
      }
    }
  }

  private func exchange(_ exchange: Exchange, _ time: inout TokenTime) {
    time.exchanges += 1
    if cluster.ranksPerHost > 1 { time.latency += Machine.meetingSeconds }
    guard cluster.hosts > 1 else { return }
    let (rounds, bytes) = ways(of: exchange).min { seconds($0) < seconds($1) }!
    time.latency += rounds * machine.link.latencyMicroseconds * 1e-6
    time.content += bytes / machine.linkRate
  }

  private func seconds(_ way: (rounds: Double, bytes: Double)) -> Double {
    way.rounds * machine.link.latencyMicroseconds * 1e-6 + way.bytes / machine.linkRate
  }

  /// Messages, one after the other, and bytes that a host takes in.
  private func ways(of exchange: Exchange) -> [(rounds: Double, bytes: Double)] {
    let (hosts, bytes) = (Double(cluster.hosts), exchange.bytes)
    if let steps = scheme.steps {
      return [(Double(steps(cluster)), Double(steps(cluster)) * bytes)]
    }
    let levels = 2 * Double(cluster.doublings)
    return switch exchange {
    case .gather: [(1, bytes * (hosts - 1) / hosts)]
    case .sum: [(1, (hosts - 1) * bytes), (2, 1.5 * bytes)]
    case .reduction: [(1, (hosts - 1) * bytes), (levels, levels * bytes)]
    }
  }
}
