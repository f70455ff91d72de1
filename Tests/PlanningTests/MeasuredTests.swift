import Foundation
import Planning
import Testing

/// Against runs of `bench model` (the 90M shape, bf16) on two cores of Zen 5 within some minutes: alone,
/// and on two hosts of a core each with a link of limited rate between them (`launch/two-hosts`). What
/// the peaks are was measured in the first of them, and memory's, which moves, in each; the fractions of
/// them that are reached are the defaults.
@Suite struct MeasuredTests {
  /// `Fixtures/runs.json`.
  struct Runs: Decodable {
    /// Of both cores.
    let peakGflops: Double
    let prefills: [Prefill]
    let steps: [Step]

    struct Prefill: Decodable {
      let hosts: Int
      let ranks: Int
      /// 0 for one host.
      let linkGbit: Double
      let tokens: Int
      let seconds: Double
    }

    /// A token on one host.
    struct Step: Decodable {
      let ranks: Int
      /// Of the context.
      let tokens: Int
      let seconds: Double
      /// GB/s of reading memory.
      let peakGigabytes: Double
    }
  }

  private let runs: Runs

  init() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/runs.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    runs = try decoder.decode(Runs.self, from: Data(contentsOf: path))
  }

  /// One of the hosts that the two cores are.
  private func machine(hosts: Int, gigabits: Double, gigabytes: Double) -> Machine {
    let gflops = runs.peakGflops / Double(hosts)
    return Machine(
      name: "measured", cores: 2 / hosts,
      peaks: .init(bf16: gflops, eightBit: gflops, fp32: gflops),
      memoryGBPerSecond: gigabytes / Double(hosts), memoryBytes: 23e9,
      link: .init(gigabitsPerSecond: gigabits))
  }

  @Test func prefill() {
    #expect(Set(runs.prefills.filter { $0.hosts == 1 }.map(\.ranks)) == [1, 2, 4, 8])
    #expect(Set(runs.prefills.filter { $0.hosts == 2 }.map(\.linkGbit)) == [0.1, 0.4, 1])
    for run in runs.prefills {
      let time = PrefillTime(
        Shapes.llama90M(tokens: run.tokens),
        on: machine(hosts: run.hosts, gigabits: max(run.linkGbit, 1e-3), gigabytes: 90),
        Cluster(hosts: run.hosts, ranksPerHost: run.ranks / run.hosts))
      #expect(isClose(time.seconds, run.seconds, percent: 10), "\(run): \(time.seconds) s")
    }
  }

  /// Memory's rate moves by as much as a quarter between the measurement of it and what it is compared
  /// with.
  @Test func steps() {
    for run in runs.steps {
      let time = TokenTime(
        Shapes.llama90M(tokens: run.tokens),
        on: machine(hosts: 1, gigabits: 1, gigabytes: run.peakGigabytes),
        Cluster(hosts: 1, ranksPerHost: run.ranks))
      #expect(isClose(time.seconds, run.seconds, percent: 25), "\(run): \(time.seconds) s")
    }
  }
}
