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
  @Suite @MPIThread struct ModelTests {
    private func randomModel(tied: Bool = false) throws -> RandomModel {
      try RandomModel(RandomModel.sampleConfiguration(tiedEmbeddings: tied), seed: 4)
    }

    /// Weights from files give the logits that the same weights in memory give, be they written as
    /// BF16 or as F32, used in place or converted by one rank or by all of a host.
    @Test func writtenModelsGiveTheSameLogits() throws {
      let cases =
        NeedleModel.Variant.allCases.map { variant in
          let needle = NeedleModel(variant)
          return (
            variant.rawValue, needle.configurationJSON(), needle.fileTensors(), needle.weights
          )
        }
        + (try [false, true].map { tied in
          let model = try randomModel(tied: tied)
          return ("random", model.configuration.json, model.tensors, model.weights)
        })
      for (name, json, tensors, weights) in cases {
        for arithmetic in highestArithmetics() {
          let run = DecoderRun(weights, context: 300)
          let expected = try run.logits(world, arithmetic)
          for (type, host, threads) in [
            (.bfloat16, nil, 1), (.float32, nil, 2), (.float32, try world.hostCommunicator(), 1),
          ] as [(TensorElementType, Communicator?, Int)] {
            let folder = try ModelFolder()
            try folder.write(configuration: json, tensors: tensors, type: type)
            let model = try folder.load(arithmetic.precision, host: host, threads: threads)
            #expect(model.configuration == weights.configuration.asExported)
            #expect(model.weights.parameters == weights.parameters)
            let logits = try DecoderRun(model.weights, context: 300).logits(world, arithmetic)
            #expect(
              logits.bits == expected.bits, "\(name), \(arithmetic.label), \(type.rawValue)")
          }
        }
      }
    }

    @Test(arguments: NeedleModel.Variant.allCases)
    func theBuiltInModelIsTheExportedOne(variant: NeedleModel.Variant) throws {
      let needle = NeedleModel(variant)
      let folder = try ModelFolder()
      try folder.write(
        configuration: needle.configurationJSON(),
        generation: needle.generationConfigurationJSON(), tensors: needle.fileTensors())
      let read = try folder.load(.bf16)
      let builtIn = try ModelOutline.builtIn(variant).load(
        host: world, team: ThreadTeam(threads: 1))
      #expect(read.configuration == builtIn.configuration.asExported)
      #expect(read.suggestions == builtIn.suggestions)
      #expect(read.endOfSequenceTokens == builtIn.endOfSequenceTokens)
      #expect(read.name == folder.path && builtIn.name == variant.rawValue)
      for (read, original) in zip(read.weights.layers, builtIn.weights.layers) {
        #expect(read.attention.query.bias == original.attention.query.bias)
        #expect(read.attention.sinks == original.attention.sinks)
        #expect(read.attentionNorm == original.attentionNorm)
      }
    }

    @Test func endsComeFromTheGenerationConfigurationFirst() throws {
      let model = try randomModel()
      for (generation, expected) in [
        (nil, [257]), ("{}", [257]), (#"{"eos_token_id": 5}"#, [5]),
        (#"{"eos_token_id": [7, 5]}"#, [5, 7]), (#"{"eos_token_id": null}"#, [257]),
      ] as [(String?, Set<Int32>)] {
        let folder = try ModelFolder()
        try folder.write(
          configuration: model.configuration.json, generation: generation.map { Data($0.utf8) },
          tensors: model.tensors)
        let read = try ModelOutline(folder.directory, precision: .bf16)
        #expect(read.endOfSequenceTokens == expected, "\(generation ?? "no file")")
      }
    }

    @Test func samplingIsSuggestedOnlyWhereItIsAskedFor() throws {
      let settings = #""temperature": 0.6, "top_k": 20, "top_p": 0.95, "max_new_tokens": 9"#
      let model = try randomModel()
      for (doSample, isSuggested) in [
        ("", false), (#""do_sample": false,"#, false), (#""do_sample": true,"#, true),
      ] {
        let folder = try ModelFolder()
        try folder.write(
          configuration: model.configuration.json,
          generation: Data(#"{\#(doSample) "stop_strings": ["a", "b"], \#(settings)}"#.utf8),
          tensors: model.tensors)
        let suggestions = try ModelOutline(folder.directory, precision: .bf16)
          .suggestions
        #expect(suggestions.maximumTokens == 9 && suggestions.stopTexts == ["a", "b"])
        #expect(suggestions.sampling.temperature == (isSuggested ? 0.6 : nil), "\(doSample)")
        #expect(suggestions.sampling.topK == (isSuggested ? 20 : nil), "\(doSample)")
        #expect(suggestions.sampling.topP == (isSuggested ? 0.95 : nil), "\(doSample)")
      }
    }

    @Test func aMissingOrWrongTensorIsNamed() throws {
      let model = try randomModel()
      let name = "model.layers.2.mlp.up_proj.weight"
      func message(kind: FileError.Kind, _ tensors: [Tensor]) throws -> String {
        let folder = try ModelFolder()
        try ModelDirectory.write(
          to: folder.path, configuration: model.configuration.json, tensors: tensors)
        let error = #expect(throws: FileError.self) {
          _ = try ModelOutline(folder.directory, precision: .bf16)
        }
        #expect(error?.kind == kind)
        #expect(error?.description.contains(folder.path) == true)
        return error?.description ?? ""
      }
      func tensors(replacing change: (Tensor) -> Tensor?) -> [Tensor] {
        model.tensors.map(\.asTensor).compactMap { $0.name == name ? change($0) : $0 }
      }

      let missing = try message(kind: .malformed, tensors { _ in nil })
      #expect(missing.contains(name))
      let renamed = try message(
        kind: .malformed,
        tensors {
          Tensor(
            name: "language_model." + $0.name, elementType: $0.elementType, shape: $0.shape,
            bytes: $0.bytes, owner: $0.owner)
        })
      #expect(renamed.contains("'\(name)'") && renamed.contains("'language_model.\(name)'"))

      let (rows, columns) = (
        model.configuration.layers[0].feedForward.dense!.intermediateSize,
        model.configuration.hiddenSize
      )
      for shape in [[columns, rows], [rows * columns], [rows, columns, 1]] {
        let wrong = try message(
          kind: .malformed,
          tensors {
            Tensor(
              name: $0.name, elementType: .bfloat16, shape: shape, bytes: $0.bytes, owner: $0.owner)
          })
        #expect(wrong.contains(name) && wrong.contains("\(shape)"))
        #expect(wrong.contains("\([rows, columns])"))
      }

      for type in [TensorElementType.unsignedInteger16, .integer16] {
        let wrong = try message(
          kind: .unsupported,
          tensors {
            Tensor(
              name: $0.name, elementType: type, shape: $0.shape, bytes: $0.bytes, owner: $0.owner)
          })
        #expect(wrong.contains(name) && wrong.contains(type.rawValue))
      }
    }
  }
}
