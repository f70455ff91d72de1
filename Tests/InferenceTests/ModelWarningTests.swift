import Foundation
import Inference
import Kernels
import ModelFiles
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// What is said of a model beside what is computed, and what is assumed of weights that are not
  /// there.
  @Suite @MPIThread struct ModelWarningTests {
    private func model(tied: Bool = false) throws -> RandomModel {
      try RandomModel(RandomModel.sampleConfiguration(tiedEmbeddings: tied), seed: 4)
    }

    /// The outline of the sample model with these settings besides, and these tensors.
    private func outline(
      _ settings: [String: Any], _ model: RandomModel, tensors: [Tensor]? = nil,
      weights: WeightPlan.Origin = .files, index: String? = nil, precision: Precision = .bf16
    ) throws -> ModelOutline {
      let folder = try ModelFolder()
      let configuration = try JSONSerialization.data(
        withJSONObject: model.configuration.settings.merging(settings) { $1 })
      try ModelDirectory.write(
        to: folder.path, configuration: configuration,
        tensors: tensors ?? model.tensors.map { $0.asHalves.converted(to: .bfloat16) })
      if weights == .none {
        try FileManager.default.removeItem(atPath: folder.path + "/model.safetensors")
      }
      if let index {
        try Data(index.utf8).write(
          to: URL(fileURLWithPath: folder.path + "/model.safetensors.index.json"))
      }
      return try ModelOutline(folder.directory, precision: precision, weights: weights)
    }

    @Test func unknownKeysAreOneWarning() throws {
      let model = try model()
      let keys = Dictionary(uniqueKeysWithValues: (0..<40).map { ("magic_\($0)", $0) })
      let warnings = try outline(keys, model).warnings
      #expect(warnings.count == 1)
      for key in keys.keys { #expect(warnings[0].contains("\"\(key)\"")) }
      #expect(warnings[0].contains("40 keys") && warnings[0].contains("config.json"))
      #expect(try outline([:], model).warnings == [])
      #expect(try outline(["magic": 1], model, weights: .none).warnings.count == 1)
      let many = Dictionary(uniqueKeysWithValues: (0..<5000).map { ("magic_\($0)", $0) })
      let warning = try #require(try outline(many, model).warnings.first)
      #expect(warning.contains("and 4900 more") && warning.utf8.count < 4000)
    }

    @Test func tensorsThatNothingUsesAreNamed() throws {
      let model = try model()
      let extra = ["model.extra.weight", "model.layers.3.self_attn.rotary_emb.inv_freq"].map {
        Tensor(name: $0, elementType: .float32, shape: [2], copying: [1, 2] as [Float])
      }
      let own = model.tensors.map { $0.asHalves.converted(to: .bfloat16) }
      let warnings = try outline([:], model, tensors: own + extra).warnings
      #expect(warnings.count == 1 && warnings[0].contains("\"model.extra.weight\""))
      #expect(warnings[0].contains("a tensor") && !warnings[0].contains("inv_freq"))

      // A model of two layers on a checkpoint of four.
      let fewer = try outline(
        ["num_hidden_layers": 2, "layer_types": NSNull(), "no_rope_layers": NSNull()], model)
      let count = own.count {
        $0.name.hasPrefix("model.layers.2.") || $0.name.hasPrefix("model.layers.3.")
      }
      #expect(fewer.warnings.count == 1 && fewer.warnings[0].contains("\(count) tensors"))
      #expect(fewer.warnings[0].contains("\"model.layers.2.") && fewer.warnings[0].contains("more"))
    }

    /// A head beside the embedding that it is tied to is in many files.
    @Test func aTiedHeadIsNotUnused() throws {
      let model = try model(tied: true)
      let own = model.tensors.map { $0.asHalves.converted(to: .bfloat16) }
      let head = Tensor(
        name: "lm_head.weight", elementType: .float32, shape: [1], copying: [1] as [Float])
      #expect(try outline([:], model, tensors: own + [head]).warnings == [])
    }

    @Test func aSequenceBeyondItsChunkIsWarnedOf() throws {
      let outline = try outline(["dual_chunk_attention_config": ["chunk_size": 500]], model())
      #expect(outline.warnings == [] && outline.warning(sequenceTokens: 500) == nil)
      let warning = try #require(outline.warning(sequenceTokens: 501))
      for word in ["501", "500", "dual chunk attention"] { #expect(warning.contains(word)) }
      #expect(try self.outline([:], model()).warning(sequenceTokens: 1 << 40) == nil)
    }

    /// By what the configuration and the index say; where neither does, as a type that is converted.
    @Test func absentWeightsAreCountedAsTheyWouldBeStored() throws {
      let model = try model()
      let count = model.weights.parameters
      func index(_ bytes: Int) -> String {
        #"{"metadata": {"total_size": \#(bytes)}, "weight_map": {"a": "a.safetensors"}}"#
      }
      let cases: [(dtype: Any, bytes: Int?, type: String, bf16: Bool, fp32: Bool, word: String)] = [
        ("bfloat16", nil, "BF16", false, false, "config.json"),
        ("torch.bfloat16", nil, "BF16", false, false, "config.json"),
        ("float16", nil, "F16", true, true, "config.json"),
        ("float32", nil, "F32", true, false, "config.json"),
        (NSNull(), nil, "F16", true, true, "nothing says"),
        ("float8_e4m3fn", nil, "F16", true, true, "nothing says"),
        (7, nil, "F16", true, true, "nothing says"),
        ("bfloat16", 4 * count, "F32", true, false, "index"),
        ("bfloat16", 2 * count, "BF16", false, false, "config.json"),
        ("float32", 2 * count, "F16", true, true, "index"),
        ("bfloat16", 9 * count, "BF16", false, false, "config.json"),
        (NSNull(), 4 * count, "F32", true, false, "index"),
      ]
      for (dtype, bytes, type, bf16, fp32, word) in cases {
        for (precision, converts) in [(Precision.bf16, bf16), (.fp32, fp32)] {
          let outline = try outline(
            ["torch_dtype": dtype], model, weights: .none, index: bytes.map(index),
            precision: precision)
          let plan = outline.weights
          let label: Comment = "\(dtype), \(bytes ?? 0) bytes, \(precision)"
          #expect(plan.origin == .none && plan.parameters == count, label)
          #expect((plan.sharedBytes > 0) == converts && (plan.mappedBytes > 0) == !converts, label)
          let assumption = try #require(plan.assumption)
          #expect(assumption.hasPrefix("as \(type), ") && assumption.contains(word), label)
          #expect(outline.warnings.count == (bytes == nil ? 0 : 1), label)
        }
      }
    }
  }
}
