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
  /// A multimodal model runs as its text model.
  @Suite @MPIThread struct MultimodalModelTests {
    /// A model of `Fixtures`.
    private struct Text {
      let directory: ModelDirectory
      let settings: [String: Any]
      let tensors: [Tensor]

      init(_ fixture: String) throws {
        let path = "\(ParityFixture.directory)/\(fixture)"
        directory = try ModelDirectory(path: path)
        let json = try Data(contentsOf: URL(fileURLWithPath: path + "/config.json"))
        settings = try JSONSerialization.jsonObject(with: json) as! [String: Any]
        let files = try directory.openTensors()
        tensors = files.names.map { files.tensor(named: $0)! }
      }
    }

    private struct Case: Sendable {
      let fixture: String
      let type: String
      let textType: String?
      var layouts = MultimodalFolder.Layout.allCases
    }

    nonisolated private static let cases = [
      Case(fixture: "gemma3", type: "gemma3", textType: "gemma3_text"),
      Case(fixture: "llama-3.1", type: "llava", textType: "llama", layouts: [.outside, .inside]),
      Case(fixture: "llama-biases-tied", type: "smolvlm", textType: "llama", layouts: [.textModel]),
      Case(
        fixture: "mistral-window", type: "mistral3", textType: "mistral",
        layouts: [.outside, .inside]),
      Case(fixture: "qwen2-yarn", type: "qwen2_vl", textType: nil, layouts: [.beside]),
      Case(
        fixture: "qwen2-window", type: "qwen2_5_vl", textType: "qwen2_5_vl_text",
        layouts: [.beside, .inside]),
      Case(fixture: "qwen3", type: "qwen3_vl", textType: "qwen3_vl_text", layouts: [.inside]),
    ]

    private func logits(
      _ outline: ModelOutline, _ host: Communicator, _ arithmetic: Arithmetic
    ) throws -> [Float] {
      let weights = try outline.load(host: host, team: arithmetic.team).weights
      return try DecoderRun(weights, context: 300).logits(world, arithmetic)
    }

    /// The logits of the text model, to the last bit, and one warning.
    @Test(arguments: cases.indices)
    func itGivesTheLogitsOfItsTextModel(index: Int) throws {
      let item = Self.cases[index]
      let text = try Text(item.fixture)
      let host = try world.hostCommunicator()
      for arithmetic in highestArithmetics(threads: 2) {
        let precision = arithmetic.precision
        let plain = try ModelOutline(text.directory, precision: precision)
        let expected = try logits(plain, host, arithmetic)
        for layout in item.layouts {
          let label: Comment = "\(item.type), \(layout), \(arithmetic.label)"
          let model = try MultimodalFolder(
            item.type, layout, textType: item.textType, text: text.settings, tensors: text.tensors)
          let outline = try ModelOutline(model.directory, precision: precision)
          #expect(outline.configuration == plain.configuration, label)
          #expect(outline.weights.unusedTensors == [], label)
          #expect(outline.weights.parameters == plain.weights.parameters, label)
          #expect(outline.warnings.count == 1, label)
          for word in [model.folder.path, "\"\(item.type)\"", "images are not supported"] {
            #expect(outline.warnings[0].contains(word), "\(word): \(outline.warnings)")
          }
          #expect(try logits(outline, host, arithmetic).bits == expected.bits, label)
        }
      }
    }

    /// They are made from the names of tensors, which are the text model's.
    @Test func randomWeightsAreThoseOfTheTextModel() throws {
      let text = try Text("qwen3")
      let host = try world.hostCommunicator()
      let arithmetic = highestArithmetics()[0]
      let model = try MultimodalFolder(
        "qwen3_vl", .inside, textType: "qwen3_vl_text", text: text.settings, tensors: [])
      let (plain, outline) = (
        try ModelOutline(text.directory, precision: arithmetic.precision, weights: .random),
        try ModelOutline(model.directory, precision: arithmetic.precision, weights: .random)
      )
      #expect(outline.warnings.count == 1)
      #expect(
        try logits(outline, host, arithmetic).bits == logits(plain, host, arithmetic).bits)
    }

    /// Scales lie beside matrices under the names that these have in the files.
    @Test(arguments: [MultimodalFolder.Layout.outside, .inside])
    func scalesAreFound(layout: MultimodalFolder.Layout) throws {
      let settings: [String: Any] = [
        "model_type": "llama", "hidden_size": 192, "intermediate_size": 200, "vocab_size": 300,
        "num_hidden_layers": 2, "num_attention_heads": 6, "num_key_value_heads": 2,
      ]
      let configuration = try JSONSerialization.data(withJSONObject: settings).withUnsafeBytes {
        try ModelOutline(name: "text", randomWeightsFor: JSONDocument(bytes: $0, path: "text"))
      }.configuration
      let checkpoint = Float8Checkpoint(
        try RandomModel(configuration, seed: 5), .fineGrained, settings: settings)
      func model(_ tensors: [Tensor]) throws -> MultimodalFolder {
        try MultimodalFolder(
          "llava", layout, textType: "llama", text: settings, tensors: tensors,
          root: ["quantization_config": checkpoint.quantization])
      }
      let host = try world.hostCommunicator()
      let arithmetic = highestArithmetics()[0]
      let plain = try ModelFolder()
      try ModelDirectory.write(
        to: plain.path, configuration: checkpoint.configuration, tensors: checkpoint.tensors)
      let expected = try logits(
        ModelOutline(plain.directory, precision: arithmetic.precision), host, arithmetic)
      let whole = try model(checkpoint.tensors)
      let outline = try ModelOutline(whole.directory, precision: arithmetic.precision)
      #expect(outline.warnings.count == 1 && outline.weights.storage["F8_E4M3"] != nil)
      #expect(try logits(outline, host, arithmetic).bits == expected.bits)

      let name = "model.layers.0.mlp.up_proj"
      let lacking = checkpoint.tensors.filter { $0.name != name + ".weight_scale_inv" }
      let missing = try fileError(model(lacking))
      for suffix in [".weight", ".weight_scale_inv"] {
        #expect(missing.contains("'\(layout.name(name + suffix))'"), "\(missing)")
      }
      let input = Tensor(
        name: name + ".input_scale", elementType: .float32, shape: [1], copying: [1 as Float])
      let fixed = try fileError(model(checkpoint.tensors + [input]))
      #expect(fixed.contains("'\(layout.name(name + ".input_scale"))'"), "\(fixed)")
    }

    private func fileError(_ model: MultimodalFolder) throws -> String {
      let directory = try model.directory
      return #expect(throws: FileError.self) {
        try ModelOutline(directory, precision: .bf16)
      }.map { "\($0)" } ?? ""
    }

    /// Tensors of the text part are named as they are in the files.
    @Test(arguments: [MultimodalFolder.Layout.outside, .inside])
    func tensorsAreNamedAsTheFilesNameThem(layout: MultimodalFolder.Layout) throws {
      let text = try Text("llama-3.1")
      func message(_ tensors: [Tensor], others: [Tensor] = []) throws -> String {
        try fileError(
          MultimodalFolder(
            "llava", layout, textType: "llama", text: text.settings, tensors: tensors,
            others: others))
      }
      func tensor(_ name: String) -> Tensor {
        Tensor(name: name, elementType: .float32, shape: [3], copying: [1, 2, 3] as [Float])
      }
      for name in ["model.layers.1.mlp.up_proj.weight", "lm_head.weight"] {
        let rest = text.tensors.filter { $0.name != name }
        let missing = try message(rest)
        #expect(missing.contains("has no tensor '\(layout.name(name))'"), "\(missing)")
        let shape = try message(rest + [tensor(name)])
        #expect(shape.contains("'\(layout.name(name))'") && shape.contains("[3]"), "\(shape)")
      }
      let double = try message(text.tensors, others: [tensor("model.norm.weight")])
      for name in ["model.norm.weight", layout.name("model.norm.weight")] {
        #expect(double.contains("'\(name)'"), "\(double)")
      }
    }

    /// A tensor of the text part that nothing uses is still warned of, by its name in the file.
    @Test func unusedTensorsOfTheTextPartAreNamed() throws {
      let text = try Text("qwen3")
      let extra = Tensor(
        name: "model.layers.7.mlp.up_proj.weight", elementType: .float32, shape: [1],
        copying: [1] as [Float])
      let model = try MultimodalFolder(
        "qwen3_vl", .inside, textType: "qwen3_vl_text", text: text.settings,
        tensors: text.tensors + [extra])
      let warnings = try ModelOutline(model.directory, precision: .bf16).warnings
      #expect(warnings.count == 2)
      #expect(warnings[1].contains("\"model.language_model.layers.7.mlp.up_proj.weight\""))
      #expect(!warnings[1].contains("visual"))
    }

    /// Where only the text part says how weights are stored.
    @Test func absentWeightsAreCountedByWhatTheTextPartSays() throws {
      let text = try Text("qwen3")
      let model = try MultimodalFolder(
        "qwen3_vl", .inside, textType: "qwen3_vl_text", text: text.settings, tensors: [])
      let plan = try ModelOutline(model.directory, precision: .bf16, weights: .none).weights
      #expect(plan.assumption?.hasPrefix("as BF16, as config.json says") == true)
    }
  }
}
