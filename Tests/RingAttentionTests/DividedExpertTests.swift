import Kernels
import Ranks
import RingAttention
import Testing

/// Which experts, and chunks of them, each host multiplies.
struct DividedExpertTests {
  private func load(_ experts: Int, inputs: Int) -> SumUnits {
    SumUnits(InputChunks(of: inputs), layers: experts)
  }

  /// Whole experts as far as there are enough, and parts of those at the ends.
  @Test func hostsShareExperts() {
    for (experts, inputs, hosts, shares) in [
      // Qwen3 30B-A3B: one chunk in each of eight.
      (8, 768, 2, [0..<4, 4..<8]), (8, 768, 3, [0..<3, 3..<5, 5..<8]),
      (2, 768, 4, [0..<1, 1..<1, 1..<2, 2..<2]),
      // Five chunks in each of four, the last one of which is longer.
      (4, 2880, 2, [0..<10, 10..<20]), (4, 2880, 3, [0..<7, 7..<14, 14..<20]),
      (1, 2880, 2, [0..<3, 3..<5]),
    ] {
      let units = load(experts, inputs: inputs)
      #expect(
        (0..<hosts).map { units.shares(hosts: hosts, own: 0)[$0] } == shares,
        "\(experts) of \(inputs) over \(hosts)")
    }
  }

  /// With one behind them that all tokens go to; every chunk is somebody's, and nobody has much more than
  /// an even part.
  @Test func everyChunkIsSomebodys() {
    for (experts, inputs, common) in [
      (8, 768, 0), (4, 1408, 5632), (8, 1536, 1536), (2, 14336, 0), (1, 300, 450), (3, 1280, 1792),
      (1, 512, 512),
    ] {
      let units = SumUnits(
        InputChunks(of: inputs), layers: experts,
        common: common == 0 ? nil : InputChunks(of: common))
      for hosts in 1...9 {
        var (chosen, ofCommon): ([Int], [Int]) = ([], [])
        for host in 0..<hosts {
          let own = units.shares(hosts: hosts, own: host)
          let ownOfCommon = units.sharesOfCommon(hosts: hosts, own: host)
          chosen += Array(own.own)
          ofCommon += ownOfCommon.map { Array($0.own) } ?? []
          var parts: [Int] = []
          var calls = 0
          own.forEachOwn { layers, chunks in
            calls += 1
            for layer in layers { parts += chunks.map { layer * own.inputs.count + $0 } }
          }
          #expect(parts == Array(own.own) && calls <= 3)
          let count =
            own.own.reduce(0) { $0 + own.inputs.inputs(ofChunk: $1 % own.inputs.count) }
            + (ownOfCommon.map { common in
              common.own.reduce(0) { $0 + common.inputs.inputs(ofChunk: $1) }
            } ?? 0)
          let all = experts * inputs + common
          let widest = 2 * InputChunks.width
          #expect(
            count <= all / hosts + widest,
            "\(experts) of \(inputs) and \(common): \(count) on host \(host) of \(hosts)")
        }
        let all = 0..<experts * InputChunks(of: inputs).count
        #expect(chosen == Array(all), "\(experts) of \(inputs) over \(hosts)")
        #expect(ofCommon == (common == 0 ? [] : Array(InputChunks(of: common).all)))
      }
    }
  }

  @Test func columnsWhereTheyAreFaster() {
    func isFaster(
      _ experts: Int, hidden: Int, inputs: Int, common: Int = 0, hosts: Int, ranks: Int = 2
    ) -> Bool {
      let element = 2 * hidden
      return ChainedLayers(
        (2 * experts * inputs * element, 2 * experts * inputs),
        common: common == 0 ? nil : (2 * common * element, 2 * common),
        last: ((experts * inputs + common) * element, hidden), rows: 1
      ).isFasterByColumns(
        of: SumUnits(
          InputChunks(of: inputs), layers: experts,
          common: common == 0 ? nil : InputChunks(of: common)), hosts: hosts, ranksOfHost: ranks,
        keepsRests: false)
    }
    // Qwen3 30B-A3B: eight experts of one chunk each, whole ones on two and four hosts; of three, two have
    // more than a third, and of sixteen eight have all, for longer than the gather takes.
    #expect(isFaster(8, hidden: 2048, inputs: 768, hosts: 2))
    #expect(!isFaster(8, hidden: 2048, inputs: 768, hosts: 3))
    #expect(isFaster(8, hidden: 2048, inputs: 768, hosts: 4))
    #expect(!isFaster(8, hidden: 2048, inputs: 768, hosts: 16))
    // gpt-oss in bf16, whole ones again, and Mixtral, of which a host has chunks.
    #expect(isFaster(4, hidden: 2880, inputs: 2880, hosts: 2))
    #expect(isFaster(2, hidden: 4096, inputs: 14336, hosts: 8, ranks: 8))
    // One for all saves a gather of its own.
    #expect(isFaster(4, hidden: 2048, inputs: 1408, common: 5632, hosts: 2))
    // One chunk in all, and what is too small to be divided.
    #expect(!isFaster(1, hidden: 2048, inputs: 768, hosts: 2))
    #expect(!isFaster(2, hidden: 128, inputs: 64, hosts: 2))
    #expect(!isFaster(8, hidden: 2048, inputs: 768, hosts: 1))
  }
}

extension InputChunks {
  fileprivate func inputs(ofChunk chunk: Int) -> Int { inputs(of: chunk..<chunk + 1).count }
}
