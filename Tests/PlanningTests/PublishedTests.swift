import Planning
import Testing

/// Against context parallel inference as published: arXiv:2411.01783, Llama 3 405B in FP8 with attention in
/// bf16, eight H100 a host, 400 Gbit/s a GPU.
///
/// What is modelled of their system: a host's GPUs divide each layer's tensors and heads among themselves,
/// which is one machine of eight times the rate here; hosts divide the context by zigzag and pass keys
/// and values round in a prefill; in generation every host has all weights, and queries pass round a
/// ring of hosts and come back in an all-to-all.
@Suite struct PublishedTests {
  private let tokens = 131_072

  /// `configs/machines/h100.yaml` before anything is calibrated.
  private var uncalibrated: Machine {
    Machine(
      name: "h100", cores: 8,
      peaks: .init(bf16: 7_915_200, eightBit: 15_831_200, fp32: 536_000),
      memoryGBPerSecond: 26800, memoryBytes: 640e9,
      link: .init(gigabitsPerSecond: 3200, latencyMicroseconds: 0),
      efficiency: .init(linear: 1, attention: 0.546, memory: 1))
  }

  private func prefill(_ machine: Machine, hosts: Int, tokens: Int? = nil) -> Double {
    PrefillTime(
      Shapes.llama405B(tokens: tokens ?? self.tokens), on: machine, Cluster(hosts: hosts)
    ).seconds
  }

  /// The one point: 128K tokens on one host in 42 s, of which linear layers have what attention leaves.
  private var calibrated: Machine {
    var machine = uncalibrated
    let time = PrefillTime(
      Shapes.llama405B(tokens: tokens), on: machine, Cluster(hosts: 1))
    machine.efficiency.linear = time.linear / (42 - time.attention)
    return machine
  }

  /// Within 15 % but for the shortest time: on 16 hosts a layer's attention of 8 ms is in 16 hops, and what
  /// a hop costs besides is in no figure of the machine. There the model is 31 % below.
  @Test func prefillAfterOneCalibration() {
    #expect(isClose(prefill(calibrated, hosts: 1), 42, percent: 0.01))
    #expect(isClose(prefill(calibrated, hosts: 4), 11.46, percent: 15))
    #expect(isClose(prefill(calibrated, hosts: 8), 5.85, percent: 15))
    #expect(isClose(prefill(calibrated, hosts: 1, tokens: 1_000_000), 1200, percent: 15))
    #expect(isClose(prefill(calibrated, hosts: 16, tokens: 1_000_000), 77, percent: 15))
    let sixteen = prefill(calibrated, hosts: 16) / 3.8
    #expect(sixteen > 0.65 && sixteen < 0.72)
  }

  /// With what eight hosts take besides given to their hops, all figures are within 10 %.
  @Test func prefillAfterTwoCalibrations() {
    var machine = calibrated
    let hops = 126.0 * 7
    machine.link.hopMicroseconds = (5.85 - prefill(machine, hosts: 8)) / hops * 1e6
    #expect(isClose(machine.link.hopMicroseconds, 680, percent: 2))
    #expect(isClose(prefill(machine, hosts: 4), 11.46, percent: 10))
    #expect(isClose(prefill(machine, hosts: 16), 3.8, percent: 10))
    #expect(isClose(prefill(machine, hosts: 1, tokens: 1_000_000), 1200, percent: 10))
    #expect(isClose(prefill(machine, hosts: 16, tokens: 1_000_000), 77, percent: 10))
  }

  private func token(_ machine: Machine, hosts: Int) -> Double {
    TokenTime(
      Shapes.llama405B(tokens: tokens), on: machine, Cluster(hosts: hosts),
      scheme: .queriesRoundTheRing
    ).seconds * 1000
  }

  /// One host calibrates memory (all that a token takes besides reading included), two hosts the latency
  /// of a message; four hosts follow.
  @Test func decode() {
    var machine = uncalibrated
    machine.efficiency.memory = token(machine, hosts: 1) / 46.3
    #expect(isClose(token(machine, hosts: 1), 46.3, percent: 0.01))
    let messages = 126.0 * 3
    machine.link.latencyMicroseconds = (60.2 - token(machine, hosts: 2)) / messages * 1000
    #expect(isClose(token(machine, hosts: 2), 60.2, percent: 0.01))
    #expect(isClose(token(machine, hosts: 4), 71.3, percent: 15))
    #expect(isClose(machine.efficiency.memory, 0.38, percent: 5))
    #expect(isClose(machine.link.latencyMicroseconds, 45, percent: 5))
    #expect(isClose(calibrated.efficiency.linear, 0.26, percent: 2))
  }
}
