import Kernels
import MPI
import RingAttention
import TestSupport
import Testing
import Transformer

extension RankTests {
  @Suite @MPIThread struct DecoderTests {
    /// All the ways to compute the same logits, of which no bit may depend: the ranks that there
    /// are, the partitions, threads, whether the last layer is run for the last position alone, and
    /// prompts in one piece or token by token.
    private func expectSameBits(
      _ weights: ModelWeights, context: Int, _ arithmetic: Arithmetic, label: String
    ) throws -> [Float] {
      let run = DecoderRun(weights, context: context)
      let alone = try world.fromRank0 {
        try run.logits(
          MPIEnvironment.communicatorOfThisRank(), arithmetic.with(threads: 2), of: .all)
      }
      #expect(alone.allSatisfy { $0.isFinite }, "\(label)")
      for (index, kind) in PartitionKind.allCases.enumerated() {
        let threads = index + 1
        let piece = [64, 1, 17][(index + context) % 3]
        let logits = try run.logits(
          world, arithmetic.with(threads: threads), partition: kind, promptPiece: piece)
        #expect(
          logits.bits == alone.bits,
          "\(label), \(kind), \(threads) threads, prompt in pieces of \(piece)")
      }
      return alone
    }

    @Test(arguments: SampleModel.allCases.filter { $0 != .needle })
    func theLastLayerOfTheLastPositionGivesTheBitsOfTheWholeOne(model: SampleModel) throws {
      try expectBitsOfTheWholeLayer(model.weights(), label: "\(model)")
    }

    /// With keys that are values, of which none of the others has any in its last layer.
    @Test func soDoesALayerWhoseKeysAreValues() throws {
      let mixed = try SampleModel.mixed.weights().configuration
      let configuration = try ModelConfiguration(
        modelType: mixed.modelType, hiddenSize: mixed.hiddenSize, vocabulary: mixed.vocabulary,
        normalization: mixed.normalization, sequence: mixed.sequence,
        layers: [mixed.layers[2], mixed.layers[0], mixed.layers[1]])
      #expect(configuration.layers.last!.attention.keysAreValues)
      try expectBitsOfTheWholeLayer(
        RandomModel(configuration, seed: 21).weights, label: "keys that are values")
    }

    private func expectBitsOfTheWholeLayer(_ weights: ModelWeights, label: String) throws {
      for context in [1, 256, 257, 1000] {
        for arithmetic in highestArithmetics() {
          let run = DecoderRun(weights, context: context)
          let whole = try run.logits(world, arithmetic.with(threads: 2), of: .all)
          for (index, kind) in PartitionKind.allCases.enumerated() {
            let logits = try run.logits(
              world, arithmetic.with(threads: index + 1), partition: kind, of: .last)
            #expect(
              logits.bits == whole.bits,
              "\(label), \(context) tokens, \(kind), \(arithmetic.label)")
          }
        }
      }
    }

    /// And what is left out is not counted.
    @Test func onlyWhatIsWantedOfTheLastLayerIsComputed() throws {
      let tokens = sampleTokens(600, vocabulary: 90)
      func prefilled(_ model: SampleModel, _ wanted: ContextPositions) throws -> DecoderContext {
        let context = try DecoderContext(
          weights: model.weights(),
          SequenceDescription(contextTokens: tokens.count, maximumAppended: 0),
          communicator: world, arithmetic: highestArithmetics()[0])
        try PrefillPass(context, logitsOf: wanted).run(tokens: tokens)
        return context
      }
      let (whole, last) = (try prefilled(.narrow, .all), try prefilled(.narrow, .last))
      #expect(whole.finalPositions == .all)
      #expect(last.finalPositions == .last)
      let layer = whole.weights.layers.last!
      let configuration = whole.configuration.layers.last!
      let tokensHere = whole.ownContextBlocks.reduce(0) { $0 + min(256, 600 - $1 * 256) }
      let attending = whole.ownContextBlocks.contains(2) ? 1 : 0
      let attention = layer.attention
      let saved = layer.flopsPerToken - attention.key.flops - attention.value!.flops
      #expect(
        whole.prefillLinearFlops - last.prefillLinearFlops
          == Double(tokensHere - attending) * saved)
      let flops = try [whole, last].map {
        try world.allReduce(value: $0.prefillCost.attention.flops, .sum)
      }
      let pairs = configuration.pattern.visiblePairs(positions: 0..<599)
      let shape = configuration.attention.shape
      #expect(flops[0] - flops[1] == Double(4 * pairs * shape.queryHeads * shape.headDimension))
      // The built-in models' last layer is what they show.
      #expect(try prefilled(.needle, .last).finalPositions == .all)
    }

    /// The lower instruction sets, which are slow, only with a partly filled block behind a full one
    /// and with more blocks than two ranks have.
    @Test(arguments: [1, 255, 256, 257, 600, 1100])
    func everyArithmeticGivesTheSameBitsOnAnyNumberOfRanks(context: Int) throws {
      let weights = try SampleModel.narrow.weights()
      for arithmetic in [257, 600].contains(context) ? arithmetics() : highestArithmetics() {
        _ = try expectSameBits(
          weights, context: context, arithmetic, label: "\(context) tokens, \(arithmetic.label)")
      }
    }

    @Test(
      arguments: [
        SampleModel.tied, .wide, .everything, .adjacent, .quantized, .chunked, .mixed, .needle,
      ]
        + SampleModel.mixtures)
    func everyModelGivesTheSameBitsOnAnyNumberOfRanks(model: SampleModel) throws {
      let weights = try model.weights()
      for arithmetic in highestArithmetics() {
        for context in [257, 600] {
          _ = try expectSameBits(
            weights, context: context, arithmetic,
            label: "\(model), \(context) tokens, \(arithmetic.label)")
        }
      }
    }

    /// As if the ranks were on several hosts, with whichever layers divided among these, and however.
    @Test(
      arguments: [SampleModel.wide, .quantized, .chunked, .mixed] + SampleModel.mixtures, [1, 2, 3])
    func everyModelGivesTheSameBitsOnAnyNumberOfHosts(model: SampleModel, hosts: Int) throws {
      guard hosts <= world.size else { return }
      let run = DecoderRun(try model.weights(), context: 257)
      for arithmetic in highestArithmetics() {
        let alone = try world.fromRank0 {
          try run.logits(MPIEnvironment.communicatorOfThisRank(), arithmetic.with(threads: 2))
        }
        for (index, division) in DividedLinear.Division.allCases.enumerated() {
          let logits = try run.logits(
            world, arithmetic.with(threads: 1 + index % 2), promptPiece: [64, 17, 1][index],
            hosts: hosts, division: division)
          #expect(logits.bits == alone.bits, "\(model), \(arithmetic.label), \(division)")
        }
      }
    }

    /// Among hosts: states, and sums of the output projection and of all experts; by rows, queries, keys and
    /// values, the output projection, what gate and up give and what experts give are gathered, and the
    /// logits.
    @Test(
      arguments: [
        (SampleModel.quantizedExperts, 3, 5), (.clampedExperts, 3, 5), (.chunkedExperts, 3, 6),
      ])
    func exchangesOfALayerWithExperts(model: SampleModel, byColumns: Int, byRows: Int) throws {
      guard world.size > 1 else { return }
      let weights = try model.weights()
      let layers = weights.configuration.layers.count
      let vocabulary = weights.configuration.vocabulary.size
      let tokens = sampleTokens(40, vocabulary: vocabulary)
      let arithmetic = highestArithmetics()[0]
      MPIEnvironment.emulatedHost = world.rank % 2
      defer { MPIEnvironment.emulatedHost = nil }
      for (division, expected) in [
        (DividedLinear.Division.alwaysByColumns, layers * byColumns),
        (.alwaysByRows, layers * byRows + 1),
      ] {
        let context = DecoderContext(
          weights: weights, SequenceDescription(contextTokens: tokens.count, maximumAppended: 2),
          communicator: world, arithmetic: arithmetic)
        try PrefillPass(context).run(tokens: tokens)
        let pass = try AppendPass(context, division: division)
        let logits = AlignedBuffer<Float>(count: vocabulary)
        pass.beginBranch(0)
        try pass.append(tokens[0...0], logits: logits)
        let before = pass.exchangesAmongHosts
        try pass.append(tokens[1...1], logits: logits)
        // Ranks without a core of their own are brought the attention's part and no more.
        let most = try world.allReduce(value: pass.exchangesAmongHosts - before, .maximum)
        #expect(most == expected, "\(model), \(division)")
      }
    }

    /// Close to the plain twin in Float64, as far as the twin in the same precision is. One rank is
    /// enough, as all numbers of them give the same bits.
    @Test(
      .enabled { await isOneRank() },
      arguments: [
        SampleModel.narrow, .tied, .wide, .everything, .adjacent, .mixed, .needle, .experts,
        .groupedExperts, .clampedExperts,
      ])
    func logitsAreCloseToTheReference(model: SampleModel) throws {
      let weights = try model.weights()
      let contexts = [1, 255, 257, 600]
      // Logits depend on nothing that comes after, so each mode of the twin runs once, on the
      // longest tokens.
      let longest = DecoderRun(weights, context: contexts.last!).tokens.map(Int.init)
      let vocabulary = weights.configuration.vocabulary.size
      func reference(_ arithmetic: ReferenceDecoder.Arithmetic) -> [Double] {
        ReferenceDecoder(weights, arithmetic: arithmetic).logits(of: longest)
      }
      let exact = reference(.float64)
      let naive: [Precision: [Double]] = [.fp32: reference(.fp32), .bf16: reference(.bf16)]
      for arithmetic in arithmetics() {
        // Where a router's scores are close, one rounding or the other decides, and both are right.
        if arithmetic.precision == .bf16, SampleModel.mixtures.contains(model) { continue }
        for context in contexts {
          let run = DecoderRun(weights, context: context)
          let logits = try run.logits(world, arithmetic)
          var error = 0.0
          var naiveError = 0.0
          for (row, position) in run.positions.enumerated() {
            for token in 0..<vocabulary {
              let index = position * vocabulary + token
              error += (Double(logits[row * vocabulary + token]) - exact[index]).squared
              naiveError += (naive[arithmetic.precision]![index] - exact[index]).squared
            }
          }
          #expect(
            error.squareRoot() <= 1.5 * naiveError.squareRoot(),
            "\(model), \(context) tokens, \(arithmetic.label)")
        }
      }
    }

    /// With keys and values of int8 the same, and a few hundredths from the exact logits.
    @Test(arguments: [SampleModel.narrow, .mixed])
    func quantizedKeysAndValuesGiveTheSameBits(model: SampleModel) throws {
      let weights = try model.weights()
      let run = DecoderRun(weights, context: 257)
      let vocabulary = weights.configuration.vocabulary.size
      let all =
        world.size == 1
        ? ReferenceDecoder(weights, arithmetic: .float64).logits(of: run.tokens.map(Int.init)) : []
      for arithmetic in arithmetics() {
        let quantized = Arithmetic(
          Numerics(precision: arithmetic.precision, keyValueFormat: .q8),
          instructionSet: arithmetic.instructionSet, team: ThreadTeam(threads: 1, spins: 0))
        let label = "\(model), q8, \(arithmetic.label)"
        let logits = try expectSameBits(weights, context: 257, quantized, label: label)
        guard world.size == 1 else { continue }
        let exact = run.positions.flatMap { all[$0 * vocabulary..<($0 + 1) * vocabulary] }
        let error = zip(logits, exact).reduce(0) { $0 + (Double($1.0) - $1.1).squared }
        let size = exact.reduce(0) { $0 + $1.squared }
        #expect((error / size).squareRoot() < 0.05, "\(label)")
      }
    }

    /// What is kept behind any layer, and read by another context, goes on to the same bits.
    @Test(arguments: [SampleModel.narrow, .mixed])
    func aRestoredContextGoesOnToTheSameBits(model: SampleModel) throws {
      let weights = try model.weights()
      let vocabulary = weights.configuration.vocabulary.size
      let tokens = sampleTokens(700, vocabulary: vocabulary)
      let layers = weights.configuration.layers.count
      func context(_ arithmetic: Arithmetic) -> DecoderContext {
        DecoderContext(
          weights: weights, SequenceDescription(contextTokens: tokens.count, maximumAppended: 1),
          communicator: world, arithmetic: arithmetic)
      }
      func logits(_ context: DecoderContext) throws -> [Float] {
        let memory = AlignedBuffer<Float>(count: vocabulary)
        let pass = try AppendPass(context)
        pass.beginBranch(0)
        try pass.append(tokens[7...7], logits: memory)
        return Array(memory.elements)
      }
      for arithmetic in highestArithmetics() {
        let whole = context(arithmetic)
        try PrefillPass(whole).run(tokens: tokens)
        let expected = try logits(whole)
        for stop in 1...layers {
          let (saved, restored) = (context(arithmetic), context(arithmetic))
          try PrefillPass(saved).run(tokens: tokens, afterLayer: { $0 < stop })
          for block in saved.ownContextBlocks.indices {
            for layer in 0..<stop {
              restored.keyValues(ofBlock: block, layer: layer).copyMemory(
                from: UnsafeRawBufferPointer(saved.keyValues(ofBlock: block, layer: layer)))
            }
            restored.activations(ofBlock: block).copyMemory(
              from: UnsafeRawBufferPointer(saved.activations(ofBlock: block)))
          }
          restored.declareRestored(finishedLayers: stop)
          if stop < layers { try PrefillPass(restored).run(tokens: tokens) }
          #expect(
            try logits(restored).bits == expected.bits,
            "\(model), \(stop) layers, \(arithmetic.label)")
        }
      }
    }

    /// Branches that go on together get what each gets by itself.
    @Test(arguments: [SampleModel.narrow, .mixed, .experts, .chunkedExperts])
    func branchesGetWhatEachGetsAlone(model: SampleModel) throws {
      let weights = try model.weights()
      let vocabulary = weights.configuration.vocabulary.size
      let tokens = sampleTokens(300, vocabulary: vocabulary)
      let pieces = (0..<3).map { branch in
        [20 + branch, 1, 1].map {
          sampleTokens($0, vocabulary: vocabulary, seed: UInt64(10 * branch + $0))
        }
      }
      func logits(branches: [Int], _ arithmetic: Arithmetic) throws -> [[Float]] {
        let context = DecoderContext(
          weights: weights,
          SequenceDescription(
            contextTokens: tokens.count, maximumAppended: 30, branches: branches.count),
          communicator: world, arithmetic: arithmetic)
        try PrefillPass(context).run(tokens: tokens)
        let pass = try AppendPass(context)
        for branch in branches.indices { pass.beginBranch(branch) }
        let memory = AlignedBuffer<Float>(count: branches.count * vocabulary)
        return try (0..<3).map { step in
          try pass.append(
            branches.enumerated().map {
              AppendedTokens(branch: $0, tokens: pieces[$1][step][...], wantsLogits: true)
            }, logits: memory.pointer)
          return Array(memory.elements)
        }
      }
      for arithmetic in highestArithmetics() {
        let together = try logits(branches: [0, 1, 2], arithmetic.with(threads: 2))
        for branch in 0..<3 {
          for (step, alone) in try logits(branches: [branch], arithmetic).enumerated() {
            let row = Array(together[step][branch * vocabulary..<(branch + 1) * vocabulary])
            #expect(row.bits == alone.bits, "\(model), \(branch), \(arithmetic.label)")
          }
        }
      }
    }

    /// Unpacked, weights in blocks of small integers are multiplied as any; as int8, each of some 16
    /// matrices in a row loses half a 127th of the largest of 32 inputs, about 0.6 %.
    @Test(.enabled { await isOneRank() })
    func quantizedWeightsAreCloseToTheReference() throws {
      let weights = try SampleModel.quantized.weights()
      let run = DecoderRun(weights, context: 257)
      let vocabulary = weights.configuration.vocabulary.size
      func reference(_ arithmetic: ReferenceDecoder.Arithmetic) -> [Double] {
        let all = ReferenceDecoder(weights, arithmetic: arithmetic).logits(
          of: run.tokens.map(Int.init))
        return run.positions.flatMap { all[$0 * vocabulary..<($0 + 1) * vocabulary] }
      }
      func distance(_ a: [Double], _ b: [Double]) -> Double {
        zip(a, b).reduce(0) { $0 + ($1.0 - $1.1).squared }.squareRoot()
      }
      let exact = reference(.float64)
      let naive = distance(reference(.fp32), exact)
      for set in InstructionSet.available {
        for precision in Precision.allCases {
          for products in QuantizedProducts.allCases {
            let arithmetic = Arithmetic(
              Numerics(precision: precision, quantizedProducts: products), instructionSet: set,
              team: ThreadTeam(threads: 2, spins: 0))
            let error = distance(try run.logits(world, arithmetic).map(Double.init), exact)
            let bound =
              precision == .fp32 && products == .unpacked
              ? 1.5 * naive : 0.05 * distance(exact, exact.map { _ in 0 })
            #expect(error <= bound, "\(products), \(arithmetic.label)")
          }
        }
      }
    }
  }
}

extension Double {
  fileprivate var squared: Double { self * self }
}
