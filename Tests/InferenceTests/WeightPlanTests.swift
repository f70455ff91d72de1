import Files
import Foundation
import Inference
import Kernels
import MPI
import ModelFiles
import TestSupport
import Testing
import Transformer

extension RankTests {
  @Suite @MPIThread struct WeightPlanTests {
    private func model() throws -> RandomModel {
      try RandomModel(RandomModel.sampleConfiguration(), seed: 4)
    }

    /// A directory with values that BF16, F16 and F32 all have.
    private func outline(
      _ type: TensorElementType, _ precision: Precision
    ) throws -> (outline: ModelOutline, folder: ModelFolder) {
      let (model, folder) = (try model(), try ModelFolder())
      try ModelDirectory.write(
        to: folder.path, configuration: model.configuration.json,
        tensors: model.tensors.map { $0.asHalves.converted(to: type) })
      return (try ModelOutline(folder.directory, precision: precision), folder)
    }

    /// Matrices are mapped where the precision reads their type, and made once a host otherwise.
    @Test func bytesAreCountedWhereTheyAre() throws {
      let tensors = try model().tensors
      let vectors = tensors.filter { $0.shape.count == 1 }.reduce(0) { $0 + $1.count }
      let matrices = tensors.filter { $0.shape.count == 2 }.reduce(0) { $0 + $1.count }
      for (type, precision, mapped, shared) in [
        (.bfloat16, .bf16, 2, 0), (.bfloat16, .fp32, 2, 0), (.float32, .fp32, 4, 0),
        (.float32, .bf16, 0, 2), (.float16, .bf16, 0, 2), (.float16, .fp32, 0, 4),
      ] as [(TensorElementType, Precision, Int, Int)] {
        let plan = try outline(type, precision).outline.weights
        let label: Comment = "\(type.rawValue) in \(precision)"
        #expect(plan.origin == .files, label)
        #expect(plan.parameters == vectors + matrices, label)
        #expect(plan.storage.mapValues(\.parameters) == [type.rawValue: vectors + matrices], label)
        #expect(plan.mappedBytes == mapped * matrices, label)
        // Each tensor begins at a cache line.
        #expect(plan.sharedBytes >= shared * matrices, label)
        #expect(plan.sharedBytes <= shared * (matrices + 64 * tensors.count), label)
        #expect(plan.vectorBytes == 4 * vectors, label)
      }
    }

    /// F16, F32 and BF16 files of values that all three have are one model.
    @Test func convertedWeightsHaveTheSameValues() throws {
      let host = try world.hostCommunicator()
      let (original, originalFolder) = try outline(.bfloat16, .bf16)
      let expected = try original.load(host: host, team: ThreadTeam(threads: 1)).weights
      #expect(expected.embedding.floats.contains { $0 != 0 })
      for precision in [Precision.bf16, .fp32] {
        for type in [TensorElementType.bfloat16, .float16, .float32] {
          let (outline, folder) = try outline(type, precision)
          let weights = try outline.load(host: host, team: ThreadTeam(threads: 2, spins: 0)).weights
          let label: Comment = "\(type.rawValue) in \(precision)"
          #expect(weights.embedding.floats == expected.embedding.floats, label)
          #expect(weights.finalNorm == expected.finalNorm, label)
          for (layer, original) in zip(weights.layers, expected.layers) {
            #expect(layer.attention.key.floats == original.attention.key.floats, label)
            #expect(layer.attention.key.bias == original.attention.key.bias, label)
            for (group, expected) in zip(
              layer.feedForward.linearLayers, original.feedForward.linearLayers)
            {
              #expect(group.matrices.map(\.floats) == expected.matrices.map(\.floats), label)
            }
          }
          withExtendedLifetime((folder, originalFolder)) {}
        }
      }
    }

    /// To nearest, ties to even, in parts that threads and ranks share out: values that bfloat16
    /// does not have, in more elements than one part.
    @Test func float32IsRounded() throws {
      var model = try model()
      let configuration = model.configuration
      model = try RandomModel(configuration, seed: 9)
      var generator = SplitMix64(seed: 5)
      let tensors = model.tensors.map { tensor -> Tensor in
        let values = (0..<tensor.count).map { _ in
          let tie =
            generator.next() % 4 == 0 ? 0x8000 : UInt32(truncatingIfNeeded: generator.next())
          let high = UInt32(truncatingIfNeeded: generator.next()) & 0xbfff_0000
          return Float(bitPattern: high | tie & 0xffff)
        }
        return Tensor(
          name: tensor.name, elementType: .float32, shape: tensor.shape, copying: values)
      }
      let folder = try ModelFolder()
      try ModelDirectory.write(to: folder.path, configuration: configuration.json, tensors: tensors)
      let weights = try folder.load(.bf16, host: world.hostCommunicator(), threads: 2).weights
      let original = try #require(tensors.first { $0.name == "model.embed_tokens.weight" })
      let rounded = original.bytes.bindMemory(to: Float.self).map { BFloat16($0).float }
      #expect(weights.embedding.floats.bits == rounded.bits)
    }

    /// Every tensor of one of the types that files have, by turns, with values that all of them have:
    /// the same logits as from a file of one type, to the last bit.
    @Test func tensorsOfOneModelMayDifferInType() throws {
      let model = try model()
      let tensors = model.tensors.map(\.asHalves)
      func write(_ type: (_ index: Int, TensorView) -> TensorElementType) throws -> ModelFolder {
        let folder = try ModelFolder()
        try ModelDirectory.write(
          to: folder.path, configuration: model.configuration.json,
          tensors: tensors.enumerated().map { $1.converted(to: type($0, $1)) })
        return folder
      }
      let types = [TensorElementType.bfloat16, .float32, .float16]
      let uniform = try write { _, _ in .bfloat16 }
      let host = try world.hostCommunicator()
      for arithmetic in highestArithmetics() {
        let precision = arithmetic.precision
        let expected = try DecoderRun(
          uniform.load(precision, host: host).weights, context: 300
        ).logits(world, arithmetic)
        for shift in types.indices {
          let mixed = try write { index, _ in types[(index + shift) % types.count] }
          let plan = try ModelOutline(mixed.directory, precision: precision).weights
          let label: Comment = "\(precision), shift \(shift)"
          #expect(plan.storage.count == 3, label)
          let matrices = tensors.enumerated().filter { $1.shape.count == 2 }
          let mapped = matrices.reduce(0) { bytes, matrix in
            switch types[(matrix.offset + shift) % types.count] {
            case .bfloat16: bytes + 2 * matrix.element.count
            case .float32 where precision == .fp32: bytes + 4 * matrix.element.count
            default: bytes
            }
          }
          #expect(plan.mappedBytes == mapped, label)
          let weights = try mixed.load(precision, host: host).weights
          #expect(Set(weights.layers.map(\.attention.query.format)).count <= 2, label)
          let logits = try DecoderRun(weights, context: 300).logits(world, arithmetic)
          #expect(logits.bits == expected.bits, label)
        }
      }
    }

    @Test func vectorsMayBeOfAnyType() throws {
      let model = try model()
      for vectors in [TensorElementType.float32, .float16] {
        let folder = try ModelFolder()
        try ModelDirectory.write(
          to: folder.path, configuration: model.configuration.json,
          tensors: model.tensors.map {
            $0.converted(to: $0.shape.count == 1 ? vectors : .bfloat16)
          })
        let plan = try ModelOutline(folder.directory, precision: .bf16).weights
        #expect(plan.sharedBytes == 0 && plan.storage.count == 2)
        let weights = try folder.load(.bf16).weights
        #expect(weights.finalNorm == model.weights.finalNorm)
      }
    }

    /// Random weights are the same for ranks alone and together, with any number of threads, in
    /// both precisions, and whatever lies in the directory.
    @Test func randomWeightsAreOneModel() throws {
      let model = try model()
      let (folder, empty) = (try ModelFolder(), try ModelFolder())
      try folder.write(configuration: model.configuration.json, tensors: model.tensors)
      try folder.write(configuration: model.configuration.json, tensors: model.tensors)
      try empty.write(configuration: model.configuration.json, tensors: [])
      let host = try world.hostCommunicator()
      let alone = try MPIEnvironment.communicatorOfThisRank()
      var first: ModelWeights?
      for (folder, precision, host, threads) in [
        (folder, .bf16, alone, 1), (folder, .fp32, host, 1), (empty, .bf16, host, 2),
      ] as [(ModelFolder, Precision, Communicator, Int)] {
        let outline = try ModelOutline(
          folder.directory, precision: precision, weights: .random)
        #expect(outline.weights.origin == .random && outline.weights.mappedBytes == 0)
        let weights = try outline.load(
          host: host, team: ThreadTeam(threads: threads, spins: 0)
        ).weights
        let expected = first ?? weights
        first = expected
        #expect(weights.embedding.floats == expected.embedding.floats)
        for (layer, original) in zip(weights.layers, expected.layers) {
          #expect(layer.attention.output.floats == original.attention.output.floats)
          #expect(layer.attention.query.bias == original.attention.query.bias)
        }
        #expect(weights.finalNorm.allSatisfy { $0 == 1 })
        #expect(weights.embedding.floats != model.weights.embedding.floats)
      }
    }

    /// A configuration alone is enough to count.
    @Test func withoutWeightsTheParametersAreKnown() throws {
      let (model, folder) = (try model(), try ModelFolder())
      try folder.write(configuration: model.configuration.json, tensors: [])
      let plan = try ModelOutline(folder.directory, precision: .bf16, weights: .none)
        .weights
      #expect(plan.parameters == model.weights.parameters && plan.origin == .none)
      #expect(plan.storage.isEmpty && plan.assumption != nil)
    }
  }
}
