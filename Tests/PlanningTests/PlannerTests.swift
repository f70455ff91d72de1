import Kernels
import Planning
import RingAttention
import Testing

/// The model's formulas against counting, and what follows from them.
@Suite struct PlannerTests {
  private let layers = 8.0

  /// Of the 90M shape: elements of attention's matrices in a layer, of its MLP, and of the head.
  private let attentionElements: Double = 1024 * 2560
  private let mlpElements: Double = 1024 * 8448
  private let headElements: Double = 4096 * 1024
  /// FLOPs of linear layers of a token and layer, which are also the bytes of their weights.
  private var linearFlops: Double { 2 * (attentionElements + mlpElements) }
  /// FLOPs of a pair of a query and a key.
  private let pairFlops: Double = 4 * 8 * 128

  @Test func oneHostComputesAll() {
    let workload = Shapes.llama90M(tokens: 4096)
    let time = PrefillTime(workload, on: Shapes.machine(), Cluster(hosts: 1))
    #expect(isClose(time.linear, layers * linearFlops * 4096 / 1e12, percent: 1e-6))
    #expect(isClose(time.attention, layers * pairFlops * 4096 * 4097 / 2 / 1e12, percent: 1e-6))
    #expect(time.exposedSeconds == 0 && time.imbalance == 0 && time.bound == .linear)
  }

  /// As counted by the pattern itself, which kernels and the run record go by.
  @Test(arguments: [1, 2, 255, 1000, 4096], [nil, 1, 100, 999, 5000])
  func pairs(tokens: Int, window: Int?) {
    var workload = Shapes.llama90M(tokens: tokens)
    for index in workload.layers.indices { workload.layers[index].window = window }
    let time = PrefillTime(workload, on: Shapes.machine(), Cluster(hosts: 1))
    let pairs = AttentionPattern(slidingWindow: window).visiblePairs(positions: 0..<tokens)
    #expect(isClose(time.attention, layers * pairFlops * Double(pairs) / 1e12, percent: 1e-6))
  }

  /// Where the link is all that counts, a layer's exchange is the messages that the schedule says come
  /// to a rank whose neighbour is on another host, of the host that waits longest.
  @Test(arguments: [2, 3, 4, 8], [1, 2, 4])
  func messagesAreThoseOfTheSchedule(hosts: Int, ranksPerHost: Int) {
    let cluster = Cluster(hosts: hosts, ranksPerHost: ranksPerHost)
    let blocks = cluster.ranks * 8
    let partition = SequencePartition(.zigzag, blocks: blocks, ranks: cluster.ranks)
    let schedule = RingSchedule(partition: partition, pattern: .causal)
    let most = (0..<hosts).map { host in
      (0..<cluster.ranks - 1).reduce(0) {
        $0 + schedule.messages(at: host * ranksPerHost + ranksPerHost - 1, hop: $1).received
      }
    }.max()!
    var machine = Shapes.machine(gigabits: 1)
    machine.peaks.bf16 = 1e12
    let workload = Shapes.llama90M(tokens: blocks * tokensPerBlock)
    let expected = layers * Double(most * tokensPerBlock * 1024) / (1e9 / 8)
    #expect(
      isClose(PrefillTime(workload, on: machine, cluster).exposedSeconds, expected, percent: 0.1))
  }

  @Test func lastLayerOfKeysAndValues() {
    var workload = Shapes.llama90M(tokens: 4096)
    let whole = PrefillTime(workload, on: Shapes.machine(gigabits: 0.1), Cluster(hosts: 2))
    workload.endsWithKeysAndValues = true
    let short = PrefillTime(workload, on: Shapes.machine(gigabits: 0.1), Cluster(hosts: 2))
    #expect(isClose(short.attention, whole.attention * 7 / 8, percent: 1e-6))
    #expect(isClose(short.exposedSeconds, whole.exposedSeconds * 7 / 8, percent: 1e-6))
    let keysAndValues: Double = 2 * 512 * 1024
    let part = (7 + keysAndValues / linearFlops) / 8
    #expect(isClose(short.linear, whole.linear * part, percent: 1e-6))
  }

  /// The first layer's weights are always waited for; the others' in what the link has left.
  @Test func dividedWeights() {
    let workload = Shapes.llama90M(tokens: 1024)
    let half = linearFlops / 2
    let fast = PrefillTime(
      workload, on: Shapes.machine(gigabits: 1000), Cluster(hosts: 2, dividesWeights: true))
    #expect(isClose(fast.exposedWeights, half / 125e9, percent: 1e-6))
    let slow = PrefillTime(
      workload, on: Shapes.machine(gigabits: 0.1), Cluster(hosts: 2, dividesWeights: true))
    let whole = PrefillTime(workload, on: Shapes.machine(gigabits: 0.1), Cluster(hosts: 2))
    #expect(slow.exposedKeysAndValues == whole.exposedKeysAndValues && whole.exposedWeights == 0)
    #expect(slow.exposedWeights > 6 * half / 12.5e6 && slow.bound == .weights)
    // One host has all.
    #expect(!Cluster(hosts: 1, dividesWeights: true).dividesWeights)
  }

  /// From the length that is said on nobody waits, a unit before it somebody does.
  @Test(arguments: [0.1, 1, 10], [2, 4, 16])
  func lengthsThatHide(gigabits: Double, hosts: Int) throws {
    let cluster = Cluster(hosts: hosts, dividesWeights: true)
    let machine = Shapes.machine(gigabits: gigabits, latency: 10)
    let planner = Planner(Shapes.llama90M(tokens: 4096), on: machine)
    let unit = hosts * Cluster.tokensPerBlock
    func time(_ tokens: Int) -> PrefillTime {
      PrefillTime(Shapes.llama90M(tokens: tokens), on: machine, cluster)
    }
    func waits(_ time: PrefillTime) -> Double { time.exposedKeysAndValues + time.exposedLatency }
    let tokens = try #require(planner.tokensThatHideKeysAndValues(cluster))
    #expect(tokens % unit == 0 && waits(time(tokens)) == 0)
    #expect(tokens == unit || waits(time(tokens - unit)) > 0)
    let forWeights = try #require(planner.tokensThatHideWeights(cluster))
    #expect(time(2 * forWeights).exposedWeights == time(forWeights).exposedWeights)
    #expect(
      forWeights == unit
        || time(forWeights - unit).exposedWeights > time(forWeights).exposedWeights)
    #expect(planner.tokensThatHideKeysAndValues(Cluster(hosts: 1)) == 0)
  }

  /// The formula of the article: N = 2 · hosts' rate · bytes / (4 · heads · dimension · link) of keys and values.
  @Test func lengthThatHidesByFormula() throws {
    let planner = Planner(Shapes.llama90M(tokens: 4096), on: Shapes.machine(gigabits: 0.1))
    let tokens = try #require(planner.tokensThatHideKeysAndValues(Cluster(hosts: 4)))
    #expect(isClose(Double(tokens), 2 * 4e12 * 1024 / (pairFlops * 12.5e6), percent: 1))
  }

  // MARK: - Generation

  @Test func oneHostReadsAll() {
    let time = TokenTime(
      Shapes.llama90M(tokens: 16384), on: Shapes.machine(), Cluster(hosts: 1))
    let weights = layers * linearFlops + 2 * headElements
    #expect(isClose(time.weights, weights / 100e9, percent: 1e-6))
    #expect(isClose(time.keysAndValues, 8 * 16384 * 1024 / 100e9, percent: 1e-6))
    #expect(time.latency == 0 && time.content == 0 && time.exchanges == 0)
  }

  /// A window's keys and values are the latest ones, which one host has where they are few.
  @Test func windowsAreReadByOneHost() {
    var workload = Shapes.llama90M(tokens: 16384)
    for index in workload.layers.indices { workload.layers[index].window = 1000 }
    let machine = Shapes.machine()
    for (hosts, read) in [(1, 1000.0), (2, 1000), (8, 1000), (32, 512)] {
      let time = TokenTime(workload, on: machine, Cluster(hosts: hosts))
      #expect(isClose(time.keysAndValues, 8 * read * 1024 / 100e9, percent: 1e-6))
    }
  }

  @Test(arguments: [2, 3, 4, 5, 16]) func latenciesOfHosts(hosts: Int) {
    // So slow that one message is always better than two.
    let machine = Shapes.machine(latency: 100_000)
    let workload = Shapes.llama90M(tokens: 262_144)
    let time = TokenTime(workload, on: machine, Cluster(hosts: hosts))
    // Queries, keys and values, states, the output and the last layer's sums in each layer, and the head.
    #expect(time.exchanges == 33)
    #expect(isClose(time.latency, 33 * 0.1, percent: 1e-6))
    let alone = TokenTime(workload, on: machine, Cluster(hosts: 1))
    // Two groups of 1,024 outputs in each of 8 layers are read by parts of rows.
    let stripes = 16 * 1024 * 25e-9
    #expect(isClose(time.weights, alone.weights / Double(hosts) + stripes, percent: 1e-6))
    // What is not worth it is computed on every host, and brought by nobody.
    var undivided = StepScheme { _ in false }
    undivided.isFasterByColumns = { _ in false }
    let whole = TokenTime(workload, on: machine, Cluster(hosts: hosts), scheme: undivided)
    #expect(whole.weights == alone.weights && whole.exchanges == 8)
    // Divided weights are multiplied by rows: gate and up are gathered, too.
    let divided = TokenTime(
      workload, on: machine, Cluster(hosts: hosts, dividesWeights: true))
    #expect(isClose(divided.weights, alone.weights / Double(hosts), percent: 1e-6))
    #expect(divided.exchanges == 41)
    #expect(divided.latency >= time.latency + 8 * 0.1)
    // Where no group is divided by columns, so are gate and up, and all hosts get all states.
    var rows = StepScheme()
    rows.isFasterByColumns = { _ in false }
    let byRows = TokenTime(workload, on: machine, Cluster(hosts: hosts), scheme: rows)
    #expect(byRows == divided)
    // The choice sees the output projection, and gate, up and down together.
    var seen = StepScheme()
    seen.isFasterByColumns = { !$0.followAttention && $0.linear.count == 2 && $0.ranks == 1 }
    let mixed = TokenTime(workload, on: machine, Cluster(hosts: hosts), scheme: seen)
    #expect(mixed.exchanges == 33 && mixed.weights < time.weights)
  }

  /// Over many hosts, two messages with an equal part of the sums take less than one with all of them.
  @Test func sumsOfManyHosts() {
    let workload = Shapes.llama90M(tokens: 262_144)
    let time = TokenTime(workload, on: Shapes.machine(latency: 1), Cluster(hosts: 1024))
    #expect(time.exchanges == 33)
    #expect(isClose(time.latency, (33 + 16) * 1e-6, percent: 1e-6))
  }

  /// Of 64 experts a token needs 4, and 32 tokens 87 %: 1 − (60/64)^32.
  @Test func severalAnswersReadMoreExperts() {
    var workload = Shapes.llama90M(tokens: 1024)
    for index in workload.layers.indices {
      for group in 2..<4 { workload.layers[index].linear[group].activeFraction = 4.0 / 64 }
    }
    // Arithmetic is not what bounds them here.
    var machine = Shapes.machine()
    machine.peaks.bf16 = 1e9
    let one = TokenTime(workload, on: machine, Cluster(hosts: 1)).weights
    var idle = 1.0
    for _ in 0..<32 { idle *= 60.0 / 64 }
    workload.answers = 32
    let many = TokenTime(workload, on: machine, Cluster(hosts: 1)).weights
    let experts = 2 * layers * mlpElements
    let rest = 2 * layers * attentionElements + 2 * headElements
    #expect(isClose(one, (experts / 16 + rest) / 100e9, percent: 1e-6))
    #expect(isClose(many, (experts * (1 - idle) + rest) / 100e9, percent: 1e-6))
  }

  /// Experts are summed as a layer's columns are; a host that has more of them than others is waited for.
  @Test func expertsAreSummedOverHosts() {
    var workload = Shapes.llama90M(tokens: 262_144)
    for index in workload.layers.indices {
      for group in 2..<4 {
        workload.layers[index].linear[group].activeFraction = 4.0 / 64
        workload.layers[index].linear[group].experts = .init(chosen: 4, inputs: 704)
      }
    }
    // Arithmetic is not what bounds them here.
    var machine = Shapes.machine()
    machine.peaks.bf16 = 1e9
    var scheme = StepScheme()
    scheme.share = { $0.linear[0].experts == nil ? (1 / 3, 1) : (0.5, 0) }
    let time = TokenTime(workload, on: machine, Cluster(hosts: 3), scheme: scheme)
    #expect(time.exchanges == 33)
    let experts = 2 * layers * mlpElements / 16
    let rest = 2 * layers * attentionElements + 2 * headElements
    #expect(
      isClose(
        time.weights, (experts / 2 + rest / 3) / 100e9 + 8 * 1024 * 25e-9, percent: 1e-6))
    scheme.isFasterByColumns = { $0.followAttention }
    #expect(TokenTime(workload, on: machine, Cluster(hosts: 3), scheme: scheme).exchanges == 41)
    var seen = DividedGroups(
      linear: workload.layers[0].linear, followAttention: false, answers: 1, hosts: 3, ranks: 1)
    #expect(seen.chosenExperts(seen.linear[3]) == 4 && seen.chosenExperts(seen.linear[0]) == 1)
    // Of 64, 32 tokens choose 56.
    seen = DividedGroups(
      linear: seen.linear, followAttention: false, answers: 32, hosts: 3, ranks: 1)
    #expect(seen.chosenExperts(seen.linear[3]) == 56)
  }

  // MARK: - Where it ends

  /// A thousand hosts and ten million tokens: what stops it has a name.
  @Test func whatStops() throws {
    var workload = Shapes.llama405B(tokens: 10_000_000)
    workload.linear = .bf16
    for (machine, bound) in [
      (Shapes.machine(gigabits: 100, latency: 2), Bound.imbalance),
      (Shapes.machine(gigabits: 0.01, latency: 2), .keysAndValues),
    ] {
      let planner = Planner(workload, on: machine)
      let cluster = planner.cluster(hosts: 1024, dividesWeights: true)
      let time = planner.prefill(cluster)
      #expect(time.seconds.isFinite && time.seconds > 0)
      #expect((0...1).contains(planner.efficiency(cluster)))
      let end = try #require(planner.lastUsefulHosts(dividesWeights: true))
      #expect(end.bound == bound)
      let last = planner.prefill(planner.cluster(hosts: end.hosts, dividesWeights: true))
      let more = planner.prefill(planner.cluster(hosts: 2 * end.hosts, dividesWeights: true))
      #expect(last.seconds < 1.2 * more.seconds)
    }
    let planner = Planner(workload, on: Shapes.machine(gigabits: 100, latency: 20))
    let end = try #require(planner.lastUsefulHostsOfToken(dividesWeights: true))
    #expect(end.hosts < 4096 && end.bound == .latency)
  }

  /// What can be said before a run starts, where the link is slow.
  @Test func exposedExchangeOfASlowLink() {
    let planner = Planner(Shapes.llama405B(tokens: 131_072), on: Shapes.machine(gigabits: 0.1))
    let seconds = planner.exposedExchangeSeconds(
      planner.cluster(hosts: 8, dividesWeights: true))
    // 405 GB at 12.5 MB/s are nine hours.
    #expect(seconds > 3600 && seconds < 24 * 3600)
    #expect(planner.exposedExchangeSeconds(planner.cluster(hosts: 1, dividesWeights: true)) == 0)
  }
}
