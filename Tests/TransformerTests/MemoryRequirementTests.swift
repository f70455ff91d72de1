import Foundation
import Kernels
import MPI
import RingAttention
import TestSupport
import Testing
import Transformer

extension RankTests {
  @Suite @MPIThread struct MemoryRequirementTests {
    private func requirement(
      _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, _ kind: PartitionKind,
      ranks: Int, rank: Int, context: Int, own: Int = 0, appended: Int, branches: Int = 1,
      givesContextLogits: Bool = false
    ) -> MemoryRequirement {
      MemoryRequirement(
        configuration: configuration, arithmetic: arithmetic,
        sequence: SequenceDescription(
          partition: kind, contextTokens: context, maximumAppended: own + appended,
          longestPrompt: appended, longestOwnContext: own, branches: branches),
        ranks: ranks, rank: rank, givesContextLogits: givesContextLogits)
    }

    /// A share of outputs is rounded up for each row, and an expert's layers have several rows a token: what
    /// a rank puts into an exchange has room on every number of ranks.
    @Test(arguments: SampleModel.allCases)
    func sharesOfProductsHaveRoom(model: SampleModel) throws {
      let configuration = try model.weights().configuration
      for tokens in [1, 64, 79] {
        for ranks in 1...16 {
          let room = DividedLinear.bytesGiven(
            elements: configuration.widestProduct(tokens: tokens),
            rows: configuration.mostProductRows(tokens: tokens), ranks: ranks)
          for layer in configuration.layers {
            let experts = layer.feedForward.mixture
            for (rows, outputs) in [
              (tokens, 2 * (layer.feedForward.dense?.intermediateSize ?? 0)),
              (
                tokens * (experts?.expertsPerToken ?? 0),
                2 * (experts?.expert.intermediateSize ?? 0)
              ),
              (tokens, 2 * (experts?.shared?.expert.intermediateSize ?? 0)),
            ] {
              #expect(4 * rows * ((outputs + ranks - 1) / ranks) <= room, "\(tokens), \(ranks)")
            }
          }
        }
      }
    }

    /// A rank's KV bytes are its equal share of the context, rounded up to a block, and of what each
    /// branch has behind it, with a block of its own where the context ends inside one.
    @Test func keyValueBytesAreAnEqualShare() throws {
      let configuration = try RandomModel.sampleConfiguration()
      for arithmetic in highestArithmetics() {
        let block =
          arithmetic.keyValueLayout(configuration.layers[0].attention.shape).blockBytes
          * configuration.layers.count
        for kind in PartitionKind.allCases {
          for ranks in [1, 3, 8] {
            for (context, appended) in [(1, 0), (256, 1), (2048, 0), (5000, 700), (100_000, 64)] {
              for branches in [1, 5] {
                let own = blockCount(tokens: context + appended) - context / tokensPerBlock
                let blocks = blockCount(tokens: context) + branches * own
                let bytes = (0..<ranks).map {
                  requirement(
                    configuration, arithmetic, kind, ranks: ranks, rank: $0, context: context,
                    appended: appended, branches: branches
                  ).keyValueBytes
                }
                let label: Comment =
                  "\(kind), \(context) + \(branches) × \(appended) tokens on \(ranks) ranks"
                #expect(bytes.reduce(0, +) == blocks * block, label)
                #expect(bytes.allSatisfy { $0 <= blocks * block / ranks + 2 * block }, label)
              }
            }
          }
        }
      }
    }

    /// Of many ranks at once the same as one by one, and in a moment.
    @Test func ofAllRanks() throws {
      let configuration = try RandomModel.sampleConfiguration()
      let arithmetic = highestArithmetics()[0]
      for kind in PartitionKind.allCases {
        let sequence = SequenceDescription(
          partition: kind, contextTokens: 5000, maximumAppended: 300, branches: 3)
        let all = MemoryRequirement.ofAllRanks(
          configuration: configuration, arithmetic: arithmetic, sequence: sequence, ranks: 7)
        for (rank, requirement) in all.enumerated() {
          #expect(
            requirement
              == MemoryRequirement(
                configuration: configuration, arithmetic: arithmetic, sequence: sequence, ranks: 7,
                rank: rank), "\(kind), rank \(rank)")
        }
        let start = ContinuousClock.now
        let many = MemoryRequirement.ofAllRanks(
          configuration: configuration, arithmetic: arithmetic,
          sequence: SequenceDescription(
            partition: kind, contextTokens: 3_000_000, maximumAppended: 64), ranks: 512)
        #expect(many.count == 512)
        // A second or so without optimization; minutes where each rank plans for all of them.
        #expect(ContinuousClock.now - start < .seconds(30), "\(kind)")
      }
    }

    /// What the system has mapped for the stack while it works, against what was announced. With
    /// several ranks, because then nothing else runs in the process that could map memory
    /// meanwhile.
    @Test(
      .enabled { await !isOneRank() },
      arguments: [
        (SampleModel.wide, 20, 0, 300), (.wide, 2000, 0, 300), (.tied, 700, 0, 300),
        (.mixed, 700, 0, 300), (.experts, 2000, 0, 300), (.wide, 300, 0, 4000),
        (.wide, 300, 4000, 64), (.wide, 300, 900, 4000),
      ],
      [false, true])
    func noMoreIsMappedThanAnnounced(
      run: (model: SampleModel, context: Int, own: Int, appended: Int), givesContextLogits: Bool
    ) throws {
      let (model, context, own, appended) = run
      // Many ranks take turns: half of the cases.
      guard world.size <= 3 || givesContextLogits == (context > 1000) else { return }
      let weights = try model.weights()
      for arithmetic in highestArithmetics(threads: 2) {
        let announced = requirement(
          weights.configuration, arithmetic, .zigzag, ranks: world.size, rank: world.rank,
          context: context, own: own, appended: appended, givesContextLogits: givesContextLogits)
        // Of several runs the least, because any of them may be the first for which OpenBLAS, MPI
        // or the allocator take memory that they keep.
        let mapped = try (0..<3).map { _ in
          try mostMapped(
            weights, arithmetic.with(threads: 2), context: context, own: own, appended: appended,
            givesContextLogits: givesContextLogits)
        }.min()!
        // Every buffer ends with a page that is not full.
        let pages = 50 * 4096
        let label: Comment =
          "\(model), \(context) + \(own) tokens, \(arithmetic.label), logits: \(givesContextLogits)"
        #expect(mapped <= announced.bytes + pages, label)
        // Nor is much more announced, which would turn away what can run. A rank without tokens needs
        // less scratch than the others.
        #expect(Double(announced.bytes) <= 1.2 * Double(mapped) + 2e6, label)
      }
    }

    /// By how many bytes the process grows at most for a prefill, a context of a branch's own, a prompt, and
    /// logits of the context.
    private func mostMapped(
      _ weights: ModelWeights, _ arithmetic: Arithmetic, context: Int, own: Int, appended: Int,
      givesContextLogits: Bool
    ) throws -> Int {
      let vocabulary = weights.configuration.vocabulary.size
      let isLong = AppendPass.prefillsPrompt(tokens: appended, arithmetic)
      let prompt = isLong ? appended : AppendPass.tokensPerStep
      let tokens = sampleTokens(context + own + prompt, vocabulary: vocabulary)
      let logits = AlignedBuffer<Float>(count: vocabulary)
      let start = mappedBytes()
      let prefilled = DecoderContext(
        weights: weights,
        SequenceDescription(
          contextTokens: context, maximumAppended: own + appended, longestPrompt: appended,
          longestOwnContext: own),
        communicator: world, arithmetic: arithmetic)
      var inLayer: [Int: Int] = [:]
      try PrefillPass(prefilled, logitsOf: givesContextLogits ? .all : .last).run(
        tokens: Array(tokens[..<context])
      ) { layer, _ in
        if inLayer[layer] == nil { inLayer[layer] = mappedBytes() }
      }
      let pass = try AppendPass(prefilled)
      pass.beginBranch(0)
      var inPrompt = 0
      prefilled.onSpan = { name, _, _ in
        if "\(name)" == "attention" { inPrompt = max(inPrompt, mappedBytes()) }
      }
      if own > 0 {
        try pass.prefillOwnContext(
          Array(tokens[context..<context + own]), branch: 0, behind: Array(tokens[..<context]))
      }
      if isLong {
        try pass.prefill(
          Array(tokens[(context + own)...]), branch: 0, behind: Array(tokens[..<(context + own)]),
          logits: logits.pointer)
      } else {
        prefilled.onSpan = nil
        try pass.append(tokens[(context + own)...], logits: logits)
      }
      prefilled.onSpan = nil
      let contextLogits = givesContextLogits ? try ContextLogits(prefilled) : nil
      for index in prefilled.ownContextBlocks.indices {
        _ = contextLogits?.compute(ofBlock: index)
      }
      return max(inLayer.values.max()!, inPrompt, mappedBytes()) - start
    }
  }
}

/// Bytes of this rank's memory that can be written, which what an allocator only reserves cannot
/// be.
@MPIThread private func mappedBytes() -> Int {
  // Line by line: Foundation reads only the beginning of such a file.
  let file = fopen("/proc/self/maps", "r")!
  defer { fclose(file) }
  var line: UnsafeMutablePointer<CChar>?
  var capacity = 0
  defer { free(line) }
  var sum = 0
  while getline(&line, &capacity, file) > 0 {
    let fields = String(cString: line!).split(separator: " ")
    let bounds = fields[0].split(separator: "-").map { UInt($0, radix: 16)! }
    // Of memory that the ranks share, each has its part.
    let ranks = String(cString: line!).contains("/memfd:") ? world.size : 1
    if fields[1].hasPrefix("rw") { sum += Int(bounds[1] - bounds[0]) / ranks }
  }
  return sum
}
