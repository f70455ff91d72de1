import Files
import Foundation
import Inference
import JSON
import Kernels
import MPI
import ModelFiles
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// Models whose matrices are FP8, in the layouts that checkpoints have.
  @Suite @MPIThread struct Float8Tests {
    private static let fused = """
      {"model_type": "phi3", "hidden_size": 192, "intermediate_size": 200, "vocab_size": 300,
       "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2,
       "pad_token_id": 0, "eos_token_id": 2, "bos_token_id": 1, "max_position_embeddings": 4096}
      """

    /// The sample model, or one with fused matrices whose parts begin inside a block of scales.
    private func checkpoint(
      _ layout: Float8Checkpoint.Layout, isFused: Bool = false
    ) throws -> Float8Checkpoint {
      guard isFused else {
        return Float8Checkpoint(
          try RandomModel(RandomModel.sampleConfiguration(), seed: 4), layout)
      }
      let json = Data(Self.fused.utf8)
      let outline = try json.withUnsafeBytes {
        try ModelOutline(name: "fused", randomWeightsFor: JSONDocument(bytes: $0, path: "fused"))
      }
      let settings = try JSONSerialization.jsonObject(with: json) as! [String: Any]
      return Float8Checkpoint(
        try RandomModel(outline.configuration, seed: 5), layout, settings: settings)
    }

    nonisolated static let cases: [(layout: Float8Checkpoint.Layout, isFused: Bool)] =
      Float8Checkpoint.Layout.allCases.map { ($0, false) }
      + [(.fineGrained, true), (.smallBlocks, true), (.channels, true)]

    private func folder(_ configuration: Data, _ tensors: [Tensor]) throws -> ModelFolder {
      let folder = try ModelFolder()
      try ModelDirectory.write(to: folder.path, configuration: configuration, tensors: tensors)
      return folder
    }

    /// With any number of ranks and threads the logits of the same weights in F32 and in BF16, to the
    /// last bit.
    @Test(arguments: cases)
    func logitsAreThoseOfTheUnpackedWeights(
      layout: Float8Checkpoint.Layout, isFused: Bool
    ) throws {
      let checkpoint = try checkpoint(layout, isFused: isFused)
      let stored = try folder(checkpoint.configuration, checkpoint.tensors)
      let host = try world.hostCommunicator()
      for (index, arithmetic) in highestArithmetics().enumerated() {
        let precision = arithmetic.precision
        let unpacked = try folder(
          checkpoint.unpackedConfiguration,
          checkpoint.unpackedTensors(precision == .fp32 ? .float32 : .bfloat16))
        let expected = try DecoderRun(unpacked.load(precision, host: host).weights, context: 300)
          .logits(world, arithmetic)
        let weights = try stored.load(precision, host: host).weights
        #expect(weights.layers[0].attention.query.format == .fp8E4M3)
        #expect(weights.layers[1].attention.query.format == .fp8E4M3)
        let logits = try DecoderRun(weights, context: 300).logits(
          world, arithmetic.with(threads: 1 + index % 3))
        #expect(logits.bits == expected.bits, "\(layout), fused \(isFused), \(arithmetic.label)")
        #expect(logits.contains { $0 != 0 } && logits.allSatisfy { $0.isFinite })
      }
    }

    /// A byte a weight in mapped files, and what each rank has of scales.
    @Test(arguments: Float8Checkpoint.Layout.allCases)
    func bytesAreCounted(layout: Float8Checkpoint.Layout) throws {
      let checkpoint = try checkpoint(layout)
      let stored = try folder(checkpoint.configuration, checkpoint.tensors)
      let isScale = { (tensor: Tensor) in tensor.name.contains("_scale") }
      let (own, scales) = (
        checkpoint.tensors.filter { !isScale($0) }, checkpoint.tensors.filter(isScale)
      )
      func elements(_ tensors: [Tensor]) -> Int {
        tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
      }
      let matrices = own.filter { $0.shape.count == 2 }
      for precision in Precision.allCases {
        let outline = try ModelOutline(stored.directory, precision: precision)
        let plan = outline.weights
        #expect(outline.warnings == [] && plan.unusedTensors == [])
        #expect(plan.parameters == elements(own) && plan.sharedBytes == 0)
        #expect(plan.mappedBytes == matrices.reduce(0) { $0 + $1.bytes.count })
        #expect(
          plan.vectorBytes == 4 * elements(own.filter { $0.shape.count == 1 } + scales), "\(layout)"
        )
        #expect(Set(plan.storage.keys) == ["F8_E4M3", "BF16"])
        #expect(plan.storage["F8_E4M3"]?.tensors == scales.count)

        // Without files it is taken to be the same, but for a layer that only its name excepts.
        let absent = try folder(checkpoint.configuration, [])
        let assumed = try ModelOutline(
          absent.directory, precision: precision, weights: .none
        ).weights
        #expect(assumed.parameters == plan.parameters)
        #expect(assumed.assumption?.contains("F8_E4M3") == true)
        let assumedBytes = assumed.mappedBytes + assumed.sharedBytes
        let isFloat = precision == .fp32
        let kept = elements(matrices.filter { $0.elementType != .float8e4m3 })
        #expect(
          assumedBytes >= plan.mappedBytes + (isFloat ? 2 * kept : 0)
            && assumedBytes <= plan.mappedBytes + (isFloat ? 2 * kept : 0) + 64 * own.count)
        #expect(assumed.vectorBytes == plan.vectorBytes)
      }
    }

    /// Of the configuration alone.
    @Test func randomWeightsNeedNoScales() throws {
      let checkpoint = try checkpoint(.fineGrained)
      let folder = try folder(checkpoint.configuration, [])
      let outline = try ModelOutline(folder.directory, precision: .bf16, weights: .random)
      #expect(outline.weights.sharedBytes > 0 && outline.weights.mappedBytes == 0)
    }

    /// A tied head that is stored anyway has scales that nothing uses.
    @Test func scalesOfATiedHeadAreNotUnused() throws {
      let model = try RandomModel(
        RandomModel.sampleConfiguration(tiedEmbeddings: true), seed: 4)
      let checkpoint = Float8Checkpoint(model, .channels)
      let head = [
        Tensor(name: "lm_head.weight", elementType: .float8e4m3, shape: [1], copying: [1 as UInt8]),
        Tensor(
          name: "lm_head.weight_scale", elementType: .float32, shape: [1], copying: [1 as Float]),
      ]
      let folder = try folder(checkpoint.configuration, checkpoint.tensors + head)
      #expect(try ModelOutline(folder.directory, precision: .bf16).warnings == [])
    }

    private struct Change {
      let words: [String]
      var kind = FileError.Kind.malformed
      var layout = Float8Checkpoint.Layout.fineGrained
      let change: (inout [Tensor]) -> Void
    }

    private static let layer = "model.layers.0.self_attn.q_proj"

    /// Another tensor in the place of that one, or none.
    private static func replace(
      _ name: String, _ type: TensorElementType, _ shape: [Int], in tensors: inout [Tensor],
      filling: UInt8 = 0, as newName: String? = nil
    ) {
      let index = tensors.firstIndex { $0.name == name }!
      let bytes = [UInt8](
        repeating: filling, count: shape.reduce(type.bytesPerBlock, *))
      tensors[index] = Tensor(
        name: newName ?? name, elementType: type, shape: shape, copying: bytes)
    }

    private static func scale(_ value: Float, at index: Int, in tensors: inout [Tensor]) {
      let tensor = tensors.firstIndex { $0.name == "\(layer).weight_scale_inv" }!
      let old = tensors[tensor]
      var values = old.bytes.withMemoryRebound(to: Float.self) { Array($0) }
      values[index] = value
      tensors[tensor] = Tensor(
        name: old.name, elementType: .float32, shape: old.shape, copying: values)
    }

    @Test func whatDoesNotFitIsRefused() throws {
      let (layer, scales) = (Self.layer, "\(Self.layer).weight_scale_inv")
      let vector = "model.layers.0.input_layernorm.weight"
      let changes: [Change] = [
        Change(words: [layer, "F8_E4M3", "no scales", "weight_scale_inv'"]) { tensors in
          tensors.removeAll { $0.name == scales }
        },
        Change(words: [scales, "[2, 3]", "[2, 2]"]) {
          Self.replace(scales, .float32, [2, 3], in: &$0)
        },
        Change(words: [scales, "[]", "[2, 2]"]) { Self.replace(scales, .float32, [], in: &$0) },
        Change(words: ["weight_scale", "[192]", "[192, 1]"], layout: .channels) {
          Self.replace("\(layer).weight_scale", .float32, [192], in: &$0)
        },
        Change(words: ["weight_scale", "[2]", "[1]"], layout: .tensors) {
          Self.replace("\(layer).weight_scale", .float32, [2], in: &$0)
        },
        Change(words: [scales, "F8_E8M0"]) { Self.replace(scales, .float8e8m0, [2, 2], in: &$0) },
        Change(words: [scales, "nan", "scale 3"]) { Self.scale(.nan, at: 3, in: &$0) },
        Change(words: [scales, "inf", "scale 0"]) { Self.scale(.infinity, at: 0, in: &$0) },
        Change(words: [scales, "-0.5", "scale 1"]) { Self.scale(-0.5, at: 1, in: &$0) },
        Change(words: ["\(layer).weight'", "F8_E5M2", "F8_E4M3"], kind: .unsupported) {
          Self.replace("\(layer).weight", .float8e5m2, [192, 192], in: &$0)
        },
        Change(words: [vector, "F8_E4M3", "for a norm"], kind: .unsupported) {
          Self.replace(vector, .float8e4m3, [192], in: &$0)
        },
        Change(words: ["\(layer).input_scale'", "fixed scale"], kind: .unsupported) {
          $0.append(
            Tensor(
              name: "\(layer).input_scale", elementType: .float32, shape: [1], copying: [1 as Float]
            ))
        },
      ]
      for change in changes {
        let checkpoint = try checkpoint(change.layout)
        var tensors = checkpoint.tensors
        change.change(&tensors)
        let folder = try folder(checkpoint.configuration, tensors)
        expectError(change.kind, naming: change.words + [folder.path]) {
          _ = try ModelOutline(folder.directory, precision: .bf16)
        }
      }
      let checkpoint = try checkpoint(.fineGrained)
      let folder = try folder(checkpoint.unpackedConfiguration, checkpoint.tensors)
      expectError(.malformed, naming: ["F8_E4M3", "quantization_config", "q_proj.weight"]) {
        _ = try ModelOutline(folder.directory, precision: .bf16)
      }
    }

    /// Zero is a scale: of a block that has nothing.
    @Test func aScaleMayBeZero() throws {
      let checkpoint = try checkpoint(.fineGrained)
      var tensors = checkpoint.tensors
      Self.scale(0, at: 2, in: &tensors)
      let weights = try folder(checkpoint.configuration, tensors).load(.bf16).weights
      #expect(weights.layers[0].attention.query.floats[128 * 192] == 0)
      #expect(weights.layers[0].attention.query.floats.contains { $0 != 0 })
    }
  }
}
