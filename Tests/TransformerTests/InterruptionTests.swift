import Kernels
import MPI
import Ranks
import RingAttention
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// A prefill that a signal stops goes on to the same bits, wherever it came.
  @Suite @MPIThread struct InterruptionTests {
    /// Which ranks get the signal, and when: after how many looks for it.
    @MPIThread struct Signals {
      let looksOfRank: [Int?]

      /// Nobody gets one.
      init() { looksOfRank = Array(repeating: nil, count: world.size) }

      /// - Parameter most: looks that a whole prefill takes.
      init(seed: Int, most: Int) {
        var generator = SplitMix64(seed: UInt64(seed))
        let ranks = world.size
        // One rank alone, some, or all of them.
        let share = [1, 2, ranks][seed % 3]
        let first = Int(generator.next() % UInt64(ranks))
        looksOfRank = (0..<ranks).map { rank in
          let looks = Int(generator.next() % UInt64(most))
          return (rank + ranks - first) % ranks < share ? looks : nil
        }
      }
    }

    private struct Outcome: Equatable {
      /// Finished layers after each of the calls that did not finish.
      var stops: [Int] = []
      /// How often a signal was looked for.
      var looks = 0
      var logits: [UInt32] = []
      var blocks: [UInt8] = []
    }

    /// Runs the prefill, stopped by each of the signals, and to its end by a last call.
    ///
    /// What is prefilled.
    @MPIThread private struct Prefill {
      let weights: ModelWeights
      let tokens: [Int32]
      let arithmetic: Arithmetic
      let partition: PartitionKind
      /// What it extends, and what goes round the ranks then.
      var base: ContextSnapshot?
      var passed = PassedOperand.keysAndValues

      /// Before its own tokens are computed.
      func context() -> DecoderContext {
        let context = DecoderContext(
          weights: weights,
          SequenceDescription(
            partition: partition, contextTokens: tokens.count,
            base: base.flatMap {
              SequenceBase(
                tokens: $0.tokens, rotationTokens: tokens.count, passed: passed, arithmetic)
            }, maximumAppended: 0),
          communicator: world, arithmetic: arithmetic)
        base?.restore(baseOf: context)
        return context
      }
    }

    /// - Parameter positions: what the calls are asked for, in turn.
    private func run(
      _ prefill: Prefill, signals: [Signals], logitsOf positions: [ContextPositions] = [.all],
      asksAfterLayers: Bool = false
    ) throws -> Outcome {
      let (context, tokens) = (prefill.context(), prefill.tokens)
      var outcome = Outcome()
      var isFinished = false
      for (index, signals) in signals.enumerated() where !isFinished {
        var looks = 0
        let interruption = try Interruption(communicator: world) {
          looks += 1
          return signals.looksOfRank[world.rank].map { looks > $0 } ?? false
        }
        defer { outcome.looks += looks }
        var asked: [Int] = []
        isFinished = try PrefillPass(
          context, logitsOf: positions[index % positions.count], interruption: interruption
        ).run(
          tokens: tokens,
          afterLayer: asksAfterLayers
            ? { layers in
              asked.append(layers)
              _ = try world.allReduce(value: 1, .sum)
              return true
            } : nil)
        try interruption.finish()
        #expect(try world.allReduce(value: asked.reduce(0, +), .maximum) == asked.reduce(0, +))
        #expect(isFinished == context.isPrefilled)
        if !isFinished {
          #expect(interruption.isRequested)
          outcome.stops.append(context.finishedLayers)
        }
      }
      if !isFinished {
        #expect(try PrefillPass(context, logitsOf: positions.last!).run(tokens: tokens))
      }
      let memory = AlignedBuffer<Float>(count: context.configuration.vocabulary.size)
      try AppendPass(context).lastContextLogits(into: memory.pointer)
      outcome.logits = memory.elements.map(\.bitPattern)
      for layer in context.configuration.layers.indices {
        outcome.blocks += UnsafeRawBufferPointer(
          start: context.cache.base(layer: layer),
          count: context.cache.blocks.count * context.cache.layout[layer].blockBytes)
      }
      return outcome
    }

    @Test(arguments: [1, 300, 1100], [SampleModel.narrow, .everything, .mixed, .experts])
    func stoppedAtRandomMomentsItGoesOnToTheSameBits(tokens count: Int, model: SampleModel) throws {
      let weights = try model.weights()
      let tokens = sampleTokens(count, vocabulary: weights.configuration.vocabulary.size)
      for (index, kind) in PartitionKind.allCases.enumerated() {
        let arithmetic = highestArithmetics()[index % 2].with(threads: 1 + index % 2)
        try expectTheSameBits(
          Prefill(weights: weights, tokens: tokens, arithmetic: arithmetic, partition: kind),
          seeds: 8, "\(count) tokens, \(model), \(kind)")
      }
    }

    @Test(arguments: [SampleModel.narrow, .mixed], PassedOperand.allCases)
    func soDoesWhatExtendsAContext(model: SampleModel, passed: PassedOperand) throws {
      let weights = try model.weights()
      let tokens = sampleTokens(1100, vocabulary: weights.configuration.vocabulary.size)
      for (index, kind) in PartitionKind.allCases.enumerated() {
        let arithmetic = highestArithmetics()[index % 2].with(threads: 1 + index % 2)
        let beginning = Prefill(
          weights: weights, tokens: Array(tokens[..<333]), arithmetic: arithmetic, partition: kind)
        let context = beginning.context()
        try PrefillPass(context).run(tokens: beginning.tokens)
        try expectTheSameBits(
          Prefill(
            weights: weights, tokens: tokens, arithmetic: arithmetic, partition: kind,
            base: ContextSnapshot(context, world), passed: passed),
          seeds: 4, "\(model), \(kind), \(passed) round")
      }
    }

    private func expectTheSameBits(_ prefill: Prefill, seeds: Int, _ label: String) throws {
      let expected = try run(prefill, signals: [Signals()])
      // A rank that waits looks all the time: what the busiest one does comes surely in time.
      let least = try world.allReduce(value: expected.looks, .minimum)
      let most = try world.allReduce(value: expected.looks, .maximum)
      #expect(expected.stops.isEmpty && least > 0)
      var stopped = 0
      for seed in 0..<seeds {
        let signals = [(seed, least), (seed + 100, most)].map { Signals(seed: $0, most: $1) }
        let outcome = try run(
          prefill, signals: signals,
          logitsOf: [[.last], [.all], [.last, .all], [.all, .last]][seed / 2 % 4],
          asksAfterLayers: seed % 2 == 1)
        let label = "\(label), seed \(seed)"
        #expect(outcome.logits == expected.logits, "\(label)")
        #expect(outcome.blocks == expected.blocks, "\(label)")
        let first = try world.broadcast(array: outcome.stops, from: 0)
        #expect(outcome.stops == first, "\(label)")
        #expect(outcome.stops == outcome.stops.sorted(), "\(label)")
        stopped += outcome.stops.count
      }
      // Of one token, little is left to stop.
      if prefill.tokens.count > 1 { #expect(stopped > 0, "no signal came in time") }
    }

    @Test func aSignalBeforeThePrefillStopsItAtOnce() throws {
      let weights = try SampleModel.narrow.weights()
      let tokens = sampleTokens(700, vocabulary: weights.configuration.vocabulary.size)
      let arithmetic = highestArithmetics()[0]
      let context = DecoderContext(
        weights: weights, SequenceDescription(contextTokens: tokens.count, maximumAppended: 0),
        communicator: world, arithmetic: arithmetic)
      let interruption = try Interruption(communicator: world) { world.rank == world.size - 1 }
      // All know before they begin.
      while !interruption.isRequested { interruption.poll() }
      #expect(try !PrefillPass(context, interruption: interruption).run(tokens: tokens))
      #expect(context.finishedLayers == 0)
      try interruption.finish()
    }
  }
}
