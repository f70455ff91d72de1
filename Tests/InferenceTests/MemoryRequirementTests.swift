import Foundation
import Kernels
import MPI
import RingAttention
import Testing
import Transformer

extension RankTests {
  @Suite @MPIThread struct MemoryRequirementTests {
    private func requirement(
      _ configuration: ModelConfiguration, _ arithmetic: Arithmetic, _ kind: PartitionKind,
      ranks: Int, rank: Int, context: Int, appended: Int
    ) -> MemoryRequirement {
      MemoryRequirement(
        configuration: configuration, arithmetic: arithmetic, partition: kind, ranks: ranks,
        rank: rank, contextTokens: context, maximumAppended: appended)
    }

    /// A rank's KV bytes are its equal share, rounded up to a block.
    @Test func keyValueBytesAreAnEqualShare() throws {
      let configuration = try RandomModel.sampleConfiguration()
      for arithmetic in highestArithmetics() {
        let block =
          arithmetic.keyValueLayout(AttentionShape(configuration)).blockBytes
          * configuration.layers.count
        for kind in PartitionKind.allCases {
          for ranks in [1, 3, 8] {
            for (context, appended) in [(1, 0), (256, 1), (2048, 0), (5000, 700), (100_000, 64)] {
              let blocks = blockCount(tokens: context + appended)
              let bytes = (0..<ranks).map {
                requirement(
                  configuration, arithmetic, kind, ranks: ranks, rank: $0, context: context,
                  appended: appended
                ).keyValueBytes
              }
              let label: Comment = "\(kind), \(context) + \(appended) tokens on \(ranks) ranks"
              #expect(bytes.reduce(0, +) == blocks * block, label)
              #expect(bytes.allSatisfy { $0 <= blocks * block / ranks + block }, label)
            }
          }
        }
      }
    }

    /// What the system has mapped for the stack while it works, against what was announced. With several ranks, because then
    /// nothing else runs in the process that could map memory meanwhile.
    @Test(.enabled { await hasSeveralRanks() }, arguments: [SampleModel.tied, .wide])
    func noMoreIsMappedThanAnnounced(model: SampleModel) throws {
      let weights = try model.weights()
      let vocabulary = weights.configuration.vocabularySize
      let context = 6000
      let tokens = sampleTokens(context, vocabulary: vocabulary)
      let prompt = sampleTokens(64, vocabulary: vocabulary)[...]
      let logits = AlignedBuffer<Float>(count: vocabulary)
      for kind in PartitionKind.allCases {
        for arithmetic in highestArithmetics(threads: 2) {
          @MPIThread func run(_ arithmetic: Arithmetic) throws -> (
            stack: DecoderStack, mostMapped: Int
          ) {
            let watch = MemoryWatch()
            let stack = DecoderStack(
              weights: weights, communicator: world, arithmetic: arithmetic, partition: kind,
              contextTokens: context, maximumAppended: 300)
            try stack.prefill(tokens: tokens) { _, _ in watch.look() }
            try stack.append(tokens: prompt, logits: logits.pointer)
            watch.look()
            return (stack, watch.mostMapped)
          }
          // The first run takes what OpenBLAS, MPI and the allocator keep.
          _ = try run(arithmetic)
          let again = arithmetic.with(threads: 2)
          let before = mappedBytes()
          let (stack, mostMapped) = try run(again)
          let announced = requirement(
            weights.configuration, again, kind, ranks: world.size, rank: world.rank,
            context: context, appended: 300)
          // Every buffer ends with a page that is not full.
          let pages = 200 * 4096
          #expect(
            mostMapped - before <= announced.bytes + pages,
            "\(model), \(kind), \(arithmetic.label)")
          // Nor is it announced far too high.
          print("MEM", mostMapped - before, announced.bytes, model, kind, arithmetic.label)
          #expect(stack.cache.bytes <= announced.keyValueBytes)
        }
      }
    }
  }
}

@MPIThread private func hasSeveralRanks() -> Bool { world.size > 1 }

@MPIThread private final class MemoryWatch {
  private(set) var mostMapped = 0

  func look() { mostMapped = max(mostMapped, mappedBytes()) }
}

/// Bytes of the process's address space.
private func mappedBytes() -> Int {
  let text = try! String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
  return Int(text.split(separator: " ")[0])! * 4096
}
