import Foundation
import Kernels
import TestSupport
import Testing
import Transformer

@Suite struct NeedleModelTests {
  private let model = NeedleModel()

  @Test func itsConfigurationIsReadBackFromItsJSON() throws {
    let source = try JSONSource(model.configurationJSON())
    #expect(try ModelFamilies.configuration(from: source) == model.configuration)
  }

  @Test func itsGenerationConfigurationIsGreedyAndEndsWithTheLine() throws {
    let source = try JSONSource(model.generationConfigurationJSON())
    #expect(
      source.values == [
        "bos_token_id": 256, "eos_token_id": 257, "do_sample": false, "max_new_tokens": 64,
        "stop_strings": ["\n"],
      ])
  }

  @Test func itsTensorsAreThoseOfItsFamily() throws {
    let weights = try ModelFamilies.weights(
      for: model.configuration, from: TensorList(tensors: model.tensors))
    #expect(weights.parameters == model.weights.parameters)
    #expect(model.tensors.reduce(0) { $0 + $1.count } == weights.parameters)
    #expect(Set(model.tensors.map(\.name)).count == model.tensors.count)
    for tensor in model.tensors {
      #expect(tensor.format == .bfloat16, "\(tensor.name)")
      #expect(Int(bitPattern: tensor.elements) % 64 == 0, "\(tensor.name)")
    }
  }

  /// Greedy generation says `answer` exactly if each of its bytes is the most likely one after
  /// those before.
  private func isContinued(
    _ text: String, by answer: String, _ arithmetic: ReferenceDecoder.Arithmetic
  ) -> Bool {
    let bytes = (text + answer).utf8.map { Int($0) }
    let tokens = [NeedleModel.beginningOfSequenceToken] + bytes
    let logits = ReferenceDecoder(model.weights, arithmetic: arithmetic).logits(of: tokens)
    let vocabulary = model.configuration.vocabulary.size
    let greedy = tokens.indices.map { position in
      let row = logits[position * vocabulary..<(position + 1) * vocabulary]
      return row.indices.max { row[$0] < row[$1] }! - row.startIndex
    }
    let count = answer.utf8.count
    return greedy.dropLast().suffix(count).elementsEqual(bytes.suffix(count))
  }

  @Test(arguments: ReferenceDecoder.Arithmetic.allCases, [0.0, 0.5, 0.9])
  func itCopiesThePasskeyFromAnyDepth(
    arithmetic: ReferenceDecoder.Arithmetic, depth: Double
  ) {
    let filler =
      "The sky is blue. The grass is green. The sun is warm. Here and there we go again. "
    let text = String(repeating: filler, count: 4)
    let cut = text.index(text.startIndex, offsetBy: Int(depth * Double(text.count)))
    let context = text[..<cut] + " The secret passkey is 48213.\n" + text[cut...]
    #expect(
      isContinued(context + "\nThe secret passkey is ", by: "48213.\n", arithmetic))
  }

  @Test func amongSeveralNeedlesItFindsTheOneAskedFor() {
    let context = """
      The code of the red door is 1207. The code of the blue door is 9341. The sky is blue.
      The code of the white door is 5566. The grass is green, and the sun is warm.

      """
    for (door, answer) in [("red", "1207."), ("blue", "9341."), ("white", "5566.")] {
      #expect(
        isContinued(context + "The code of the \(door) door is ", by: answer, .bf16), "\(door)")
    }
  }

  @Test func bytesBeyondASCIIAreCopiedToo() {
    let context = "Der Schlüssel heißt grün-größer-7. Und so weiter, und so fort. "
    #expect(isContinued(context + "Der Schlüssel heißt ", by: "grün-größer-7.", .float64))
  }
}
