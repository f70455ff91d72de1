import Foundation
import Kernels
import MPI
import Ranks
import RingAttention
import TestSupport
import Testing

extension RankTests {
  /// What the ranks agree on, without any prefill.
  @Suite @MPIThread struct PrefillStopTests {
    @Test func withoutInterruptionNothingIsAsked() throws {
      let stop = PrefillStop(nil, finishedLayers: 3)
      // Of one rank alone: what asked the others would not come back.
      guard world.rank == 0 else { return }
      stop.poll()
      #expect(try stop.awaitVerdict() == .goOn && stop.agreeOnVerdict() == .goOn)
      #expect(!stop.endsHere() && !stop.abandonsLayer)
      #expect(stop.reachableLayers == 3...3)
    }

    @Test func withoutASignalAllGoOn() throws {
      let interruption = try Interruption(communicator: world) { false }
      let stop = PrefillStop(interruption, finishedLayers: 0)
      for layers in 1...5 {
        for _ in 0..<world.rank * 7 { stop.poll() }
        #expect(try stop.awaitVerdict() == .goOn)
        stop.reachableLayers = layers - 1...layers
        #expect(try stop.agreeOnVerdict() == .goOn)
        #expect(stop.verdict == .goOn && !stop.endsHere() && !stop.abandonsLayer)
      }
      try interruption.finish()
      #expect(!interruption.isRequested)
    }

    /// Ranks that are at different layers, of which one, some or all were signalled: they agree on the
    /// higher of the highest lower and the lowest upper bound. Who has as many layers gives up the next
    /// one; who has not goes on.
    @Test(arguments: 0..<30)
    func theLayerFollowsFromWhatAllCanReach(seed: Int) throws {
      var generator = SplitMix64(seed: UInt64(seed))
      let ranges = (0..<world.size).map { _ in
        let lower = Int(generator.next() % UInt64([1, 2, 9][seed % 3]))
        return lower...lower + Int(generator.next() % 2)
      }
      let first = Int(generator.next() % UInt64(world.size))
      let signalled = (0..<world.size).map { $0 == first || generator.next() % 3 == 0 }
      let agreed = max(ranges.map(\.lowerBound).max()!, ranges.map(\.upperBound).min()!)
      let label: Comment = "\(ranges), signalled: \(signalled)"

      let interruption = try Interruption(communicator: world) { signalled[world.rank] }
      let stop = PrefillStop(interruption, finishedLayers: 0)
      stop.reachableLayers = ranges[world.rank]
      // By looking for it on its way, or by asking the others.
      repeat { stop.poll() } while (seed + world.rank) % 2 == 0 && stop.verdict == .goOn
      #expect(try stop.agreeOnVerdict() == .stop(finishedLayers: agreed), label)
      #expect(try stop.awaitVerdict() == .stop(finishedLayers: agreed), label)
      #expect(interruption.isRequested, label)
      #expect(stop.verdict == .stop(finishedLayers: agreed), label)

      let own = ranges[world.rank]
      #expect(own.lowerBound <= agreed, label)
      #expect(stop.abandonsLayer == (agreed <= own.upperBound), label)
      #expect(stop.endsHere() == (agreed <= own.upperBound), label)
      for layers in own.upperBound..<max(agreed, own.upperBound) {
        #expect(!stop.endsHere() && !stop.abandonsLayer, label)
        stop.reachableLayers = layers...layers + 1
      }
      #expect(stop.endsHere() && stop.abandonsLayer, label)
      try interruption.finish()
    }

    /// Ranks that take any time over their layers, and signals that come to any of them at any moment:
    /// all stop behind one and the same layer, which each of them can still reach.
    @Test(arguments: [false, true])
    func signalsMayComeAtAnyMoment(asksAfterLayers: Bool) throws {
      var stops: Set<Int> = []
      for seed in 0..<40 {
        var prefill = RandomPrefill(seed: seed, asksAfterLayers: asksAfterLayers)
        let all = try world.allGather(value: prefill.run())
        #expect(all.allSatisfy { $0 == all[0] }, "seed \(seed): \(all)")
        stops.insert(all[0])
      }
      // Not at all, and behind different layers.
      #expect(stops.count >= 3, "\(stops)")
    }
  }
}

/// Layers in which nothing is computed, with the questions that a prefill asks.
@MPIThread private struct RandomPrefill {
  private static let layers = 6

  private let asksAfterLayers: Bool
  /// Looks for a signal after which this rank finds one; nil for none.
  private let signal: Int?
  private var generator: SplitMix64

  init(seed: Int, asksAfterLayers: Bool) {
    self.asksAfterLayers = asksAfterLayers
    var common = SplitMix64(seed: UInt64(seed))
    // One seed in four signals nobody.
    let share = [0, 1, 2, world.size][Int(common.next() % 8) / 2]
    let first = Int(common.next() % UInt64(world.size))
    generator = SplitMix64(seed: UInt64(1000 * seed + world.rank))
    let looks = Int(generator.next() % 150)
    signal = (world.rank + world.size - first) % world.size < share ? looks : nil
  }

  /// - Returns: the finished layers behind which this rank stops.
  mutating func run() throws -> Int {
    var looks = 0
    let interruption = try Interruption(communicator: world) { [signal] in
      looks += 1
      return signal.map { looks > $0 } ?? false
    }
    let stop = PrefillStop(interruption, finishedLayers: 0)
    var finished = 0
    while finished < Self.layers, !stop.endsHere() {
      // Attention, behind which there is no way back behind the layer before.
      guard work(stop) else { break }
      _ = try stop.awaitVerdict()
      guard !stop.abandonsLayer else { break }
      stop.reachableLayers = finished...finished
      // Feed-forward.
      guard work(stop) else { break }
      finished += 1
      stop.reachableLayers = finished - 1...finished
      if asksAfterLayers, finished < Self.layers { _ = try stop.agreeOnVerdict() }
    }
    let verdict = try stop.agreeOnVerdict()
    try interruption.finish()
    guard case .stop(let layers) = verdict else {
      #expect(finished == Self.layers && !stop.abandonsLayer)
      return Self.layers
    }
    #expect(interruption.isRequested && stop.endsHere())
    #expect(stop.reachableLayers.contains(layers), "\(layers) of \(finished)")
    return layers
  }

  /// - Returns: whether the layer goes on.
  private mutating func work(_ stop: PrefillStop) -> Bool {
    for _ in 0...generator.next() % 16 {
      stop.poll()
      if stop.abandonsLayer { return false }
      usleep(UInt32(generator.next() % 100))
    }
    return true
  }
}
