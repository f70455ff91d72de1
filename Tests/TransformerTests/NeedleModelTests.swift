import Foundation
import Kernels
import ModelFiles
import TestSupport
import Testing
import Transformer

@Suite struct NeedleModelTests {
  @Test(arguments: NeedleModel.Variant.allCases)
  func itsConfigurationIsReadBackFromItsJSON(variant: NeedleModel.Variant) throws {
    let model = NeedleModel(variant)
    let source = try JSONSource(model.configurationJSON())
    #expect(try ModelFamilies.configuration(from: source) == model.configuration.asExported)
    #expect(try ModelFamilies.remarks(on: source).unknownKeys.isEmpty)
  }

  @Test func itsGenerationConfigurationIsGreedyAndEndsWithTheLine() throws {
    let source = try JSONSource(NeedleModel().generationConfigurationJSON())
    #expect(
      source.values == [
        "bos_token_id": 256, "eos_token_id": 257, "do_sample": false, "max_new_tokens": 64,
        "stop_strings": ["\n"],
      ])
  }

  @Test(arguments: NeedleModel.Variant.allCases)
  func itsTensorsAreThoseOfItsFamily(variant: NeedleModel.Variant) throws {
    let model = NeedleModel(variant)
    let weights = try ModelFamilies.weights(
      for: model.configuration, from: TensorList(tensors: model.tensors))
    #expect(weights.parameters == model.weights.parameters)
    #expect(model.tensors.reduce(0) { $0 + $1.count } == weights.parameters)
    #expect(model.fileTensors().reduce(0) { $0 + $1.count } == weights.parameters)
    for tensors in [model.tensors, model.fileTensors()] {
      #expect(Set(tensors.map(\.name)).count == tensors.count)
      for tensor in tensors {
        #expect(tensor.format == .bfloat16, "\(tensor.name)")
        #expect(Int(bitPattern: tensor.elements) % 64 == 0, "\(tensor.name)")
      }
    }
  }

  /// Greedy generation says `answer` exactly if each of its bytes is the most likely one after
  /// those before.
  private func isContinued(
    _ text: String, by answer: String, _ weights: ModelWeights,
    _ arithmetic: ReferenceDecoder.Arithmetic = .float64
  ) -> Bool {
    let bytes = (text + answer).utf8.map { Int($0) }
    let tokens = [NeedleModel.beginningOfSequenceToken] + bytes
    let logits = ReferenceDecoder(weights, arithmetic: arithmetic).logits(of: tokens)
    let vocabulary = weights.configuration.vocabulary.size
    let greedy = tokens.indices.map { position in
      let row = logits[position * vocabulary..<(position + 1) * vocabulary]
      return row.indices.max { row[$0] < row[$1] }! - row.startIndex
    }
    let count = answer.utf8.count
    return greedy.dropLast().suffix(count).elementsEqual(bytes.suffix(count))
  }

  /// A text that asks for a passkey in it.
  ///
  /// - Parameter depth: where the passkey stands, from 0 to 1.
  private func haystack(_ passkey: String, depth: Double) -> String {
    let filler =
      "The sky is blue. The grass is green. The sun is warm. Here and there we go again. "
    let text = String(repeating: filler, count: 4)
    let cut = text.index(text.startIndex, offsetBy: Int(depth * Double(text.count)))
    return text[..<cut] + " The secret passkey is \(passkey).\n" + text[cut...]
      + "\nThe secret passkey is "
  }

  @Test(arguments: NeedleModel.Variant.allCases, ReferenceDecoder.Arithmetic.allCases)
  func itCopiesThePasskeyFromAnyDepth(
    variant: NeedleModel.Variant, arithmetic: ReferenceDecoder.Arithmetic
  ) {
    let weights = NeedleModel(variant).weights
    for depth in [0.0, 0.5, 0.9] {
      #expect(
        isContinued(haystack("48213", depth: depth), by: "48213.\n", weights, arithmetic),
        "depth \(depth)")
    }
  }

  @Test(arguments: NeedleModel.Variant.allCases)
  func amongSeveralNeedlesItFindsTheOneAskedFor(variant: NeedleModel.Variant) {
    let weights = NeedleModel(variant).weights
    let context = """
      The code of the red door is 1207. The code of the blue door is 9341. The sky is blue.
      The code of the white door is 5566. The grass is green, and the sun is warm.

      """
    for (door, answer) in [("red", "1207."), ("blue", "9341."), ("white", "5566.")] {
      #expect(
        isContinued(context + "The code of the \(door) door is ", by: answer, weights, .bf16),
        "\(door)")
    }
  }

  @Test(arguments: NeedleModel.Variant.allCases)
  func bytesBeyondASCIIAreCopiedToo(variant: NeedleModel.Variant) {
    let context = "Der Schlüssel heißt grün-größer-7. Und so weiter, und so fort. "
    #expect(
      isContinued(
        context + "Der Schlüssel heißt ", by: "grün-größer-7.", NeedleModel(variant).weights))
  }

  // MARK: What must break it

  /// The model with one tensor changed.
  private func weights(
    _ variant: NeedleModel.Variant, _ name: String, change: (inout [Float]) -> Void
  ) throws -> ModelWeights {
    let model = NeedleModel(variant)
    var found = false
    let tensors = model.tensors.map { tensor in
      guard tensor.name == name else { return tensor }
      found = true
      var floats = tensor.floats()
      change(&floats)
      let changed = Tensor(
        name: name, elementType: .float32, shape: tensor.shape, copying: floats)
      return TensorView(
        name: name, shape: tensor.shape, format: .float32, elements: changed.bytes.baseAddress!,
        owner: changed.owner)
    }
    #expect(found, "\(name)")
    return try ModelFamilies.weights(for: model.configuration, from: TensorList(tensors: tensors))
  }

  /// Two experts of one group take each other's bytes: those of the digits that end in 1 and 2.
  @Test(arguments: [
    (NeedleModel.Variant.mixture, "model.layers.0.mlp.gate.weight"),
    (.sinks, "model.layers.0.mlp.router.weight"),
  ])
  func aMisroutedByteBreaksThePasskey(variant: NeedleModel.Variant, router: String) throws {
    let columns = NeedleModel(variant).configuration.hiddenSize
    let text = haystack("48213", depth: 0.5)
    for (first, second) in [(1, 2), (3, 11)] {
      let weights = try weights(variant, router) { router in
        for column in 0..<columns {
          router.swapAt(first * columns + column, second * columns + column)
        }
      }
      #expect(!isContinued(text, by: "48213.", weights), "\(first) and \(second)")
    }
    #expect(isContinued(text, by: "48213.", try weights(variant, router) { _ in }))
  }

  /// Left out, 0, or of the other sign, in the layer from which all that the others gather comes.
  @Test(arguments: [-Float.infinity, 0, -1])
  func aSinkOfAnotherScoreBreaksThePasskey(factor: Float) throws {
    let text = haystack("48213", depth: 0.5)
    func isRight(_ factor: Float) throws -> Bool {
      let weights = try weights(.sinks, "model.layers.1.self_attn.sinks") { $0[0] *= factor }
      return isContinued(text, by: "48213.", weights)
    }
    #expect(try isRight(1))
    #expect(try !isRight(factor))
  }
}
