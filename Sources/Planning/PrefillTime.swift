// The time of a prefill. Of a layer, with N tokens, H hosts, P ranks and p = P/H of them on a host:
//
//   linear      a token's FLOPs · tokens of a rank · p / rate of a host
//   attention   the layer's FLOPs · p/P / rate of a host, in P hops of equal length
//               (zigzag: with runs of n = N/2P tokens, every rank has 2n² pairs in each of them)
//   a message   of a hop: 2n tokens of keys and values over a host's link; of the first rank that has
//               its neighbour on another host (number p − 1), the last p − 1 hops bring the early half
//   exposed KV  what of a hop's message its computation does not hide, added over the P − 1 messages
//   exposed weights  where they are divided: of the next layer, (H − 1)/H of its bytes come over the
//               link too, in what KV leaves of it while this layer is computed; the first, and
//               the embedding before it, are not hidden
//
// Where a window W is less than a run, each hop brings a halo of min(n, W) tokens a run (the later one's
// goes one hop only), and what is seen of other ranks is W²/2 of a run's n·W pairs.

/// Seconds of a prefill, and what each part of it costs the rank that has the most.
public struct PrefillTime: Equatable, Sendable {
  public var linear = 0.0
  public var attention = 0.0
  /// Keys and values that are waited for, without what is latency.
  public var exposedKeysAndValues = 0.0
  /// Of that wait, what messages without content would cost as well, and overheads of hops.
  public var exposedLatency = 0.0
  public var exposedWeights = 0.0
  /// Of linear layers and attention: what the fullest rank has beyond an equal share.
  public var imbalance = 0.0

  public var seconds: Double { linear + attention + exposedSeconds }
  public var exposedSeconds: Double { exposedKeysAndValues + exposedLatency + exposedWeights }

  public init(_ workload: Workload, on machine: Machine, _ cluster: Cluster) {
    if cluster.dividesWeights {
      exposedWeights += Self.gatheringSeconds(bytes: workload.embeddingBytes, machine, cluster)
    }
    for (index, layer) in workload.layers.enumerated() {
      let isShort = workload.endsWithKeysAndValues && index + 1 == workload.layers.count
      let time = LayerTime(layer, workload, machine, cluster, isShort: isShort)
      linear += time.linear
      attention += time.attention
      exposedLatency += time.exposedLatency
      exposedKeysAndValues += time.exposed - time.exposedLatency
      guard cluster.dividesWeights else { continue }
      let gathering = Self.gatheringSeconds(layer, machine, cluster)
      if index == 0 { exposedWeights += gathering }
      if index + 1 < workload.layers.count {
        let next = Self.gatheringSeconds(workload.layers[index + 1], machine, cluster)
        exposedWeights += max(0, next - time.idleLinkSeconds)
      }
    }
    let equal = Double(workload.tokens) / Double(cluster.ranks)
    imbalance = (linear + attention) * (1 - equal / Double(cluster.mostTokens(of: workload.tokens)))
  }

  /// Until a host has all of a layer's weights that it does not have.
  static func gatheringSeconds(
    _ layer: Workload.Layer, _ machine: Machine, _ cluster: Cluster
  ) -> Double {
    gatheringSeconds(bytes: layer.weightBytes, machine, cluster)
  }

  static func gatheringSeconds(
    bytes: Double, _ machine: Machine, _ cluster: Cluster
  ) -> Double {
    let fraction = Double(cluster.hosts - 1) / Double(cluster.hosts)
    return fraction * bytes > 0 ? machine.linkSeconds(bytes: bytes * fraction) : 0
  }
}

/// One layer's.
struct LayerTime {
  let linear: Double
  let attention: Double
  /// Waiting for messages.
  private(set) var exposed = 0.0
  private(set) var exposedLatency = 0.0
  /// In which the link carries keys and values.
  private var linkSeconds = 0.0

  /// In which the link has nothing to do for keys and values.
  var idleLinkSeconds: Double { max(0, linear + attention + exposed - linkSeconds) }

  init(
    _ layer: Workload.Layer, _ workload: Workload, _ machine: Machine, _ cluster: Cluster,
    isShort: Bool
  ) {
    let own = Double(cluster.mostTokens(of: workload.tokens))
    let perHost = Double(cluster.ranksPerHost)
    let flops = isShort ? layer.keyValueFlops : layer.linearFlops
    linear = flops * own * perHost / machine.linearRate(workload.linear)
    guard !isShort else {
      attention = 0
      return
    }
    let share = own / Double(workload.tokens)
    attention =
      layer.attentionFlops(tokens: workload.tokens) * share * perHost
      / machine.attentionRate(workload.attention)
    let ring = LayerRing(layer, ownTokens: own, workload.tokens, cluster)
    for hop in ring.hops {
      let bytes = hop.tokens * layer.keyValueBytes
      let message =
        cluster.hosts > 1 ? machine.linkSeconds(bytes: bytes) : machine.localSeconds(bytes: bytes)
      let computed = attention * hop.attention
      let waited = max(0, message - computed)
      let overhead = machine.link.hopMicroseconds * 1e-6
      let latency = cluster.hosts > 1 ? machine.link.latencyMicroseconds * 1e-6 : 0
      exposed += Double(hop.count) * (waited + overhead)
      exposedLatency += Double(hop.count) * (min(waited, latency) + overhead)
      if cluster.hosts > 1 { linkSeconds += Double(hop.count) * message }
    }
  }
}

/// The hops of one layer that bring a message.
struct LayerRing {
  struct Hops {
    /// How many there are of this kind.
    let count: Int
    /// In the message.
    let tokens: Double
    /// The part of the layer's attention that is computed meanwhile.
    let attention: Double
  }

  let hops: [Hops]

  init(_ layer: Workload.Layer, ownTokens own: Double, _ tokens: Int, _ cluster: Cluster) {
    let ranks = cluster.ranks
    guard ranks > 1 else {
      hops = []
      return
    }
    let run = own / 2
    if let window = layer.window, Double(window) < run {
      let halo = min(run, Double(window))
      let outside = Double(window) / (2 * run)
      // While the first messages are under way, a rank attends to its own tokens.
      hops =
        [Hops(count: 1, tokens: 2 * halo, attention: 1 - outside)]
        + (ranks > 2
          ? [Hops(count: ranks - 2, tokens: halo, attention: outside / Double(ranks - 1))] : [])
    } else {
      let halves = cluster.hosts > 1 ? cluster.ranksPerHost - 1 : 0
      hops = [
        Hops(count: ranks - 1 - halves, tokens: own, attention: 1 / Double(ranks)),
        Hops(count: halves, tokens: run, attention: 1 / Double(ranks)),
      ].filter { $0.count > 0 }
    }
  }
}
