import Inference
import Kernels
import Testing
import Transformer

@Suite struct RandomWeightsTests {
  private func elements(
    _ name: String, _ shape: [Int], cuts: [Int] = []
  ) -> [UInt16] {
    let request = TensorRequest(name: name, shape: shape)
    let weights = RandomWeights(request)
    var elements = [BFloat16](repeating: BFloat16(9), count: request.count)
    let bounds = [0] + cuts + [request.count]
    elements.withUnsafeMutableBufferPointer { memory in
      for (first, end) in zip(bounds, bounds.dropFirst()) {
        weights.write(first..<end, to: memory.baseAddress! + first)
      }
    }
    return elements.map(\.bitPattern)
  }

  /// An element follows from its number, however the work is divided.
  @Test func anyDivisionGivesTheSameElements() {
    let whole = elements("a.weight", [37, 111])
    #expect(elements("a.weight", [37, 111], cuts: [4]) == whole)
    #expect(elements("a.weight", [37, 111], cuts: [1000, 1004, 4000]) == whole)
    #expect(elements("b.weight", [37, 111]) != whole)
    // A shorter tensor is the beginning of a longer one with rows of the same length.
    #expect(Array(whole.prefix(111 * 5)) == elements("a.weight", [5, 111]))
    #expect(Set(whole).count > 300)
  }

  /// The first elements of a tensor are a promise: another release must not make another model.
  @Test func elementsAreTheSameOnEveryMachine() {
    #expect(elements("model.embed_tokens.weight", [1, 8]) == expectedElements)
  }

  @Test(arguments: [64, 2048])
  func theVarianceIsThatOfTheRowsLength(columns: Int) {
    let values = elements("c.weight", [400_000 / columns, columns]).map {
      BFloat16(bitPattern: $0).float
    }
    let count = Float(values.count)
    let mean = values.reduce(0, +) / count
    let variance = values.reduce(0) { $0 + $1 * $1 } / count
    let deviation = 1 / Float(columns).squareRoot()
    #expect(abs(mean) < 0.01 * deviation)
    #expect(abs(variance.squareRoot() / deviation - 1) < 0.01)
    #expect(values.allSatisfy { abs($0) <= 1.74 * deviation })
  }

  @Test func normsAreOneAndBiasesSmall() {
    #expect(elements("model.layers.0.layer_scalar", [1]) == [BFloat16(1).bitPattern])
    for name in ["model.norm.weight", "model.layers.0.post_attention_layernorm.weight"] {
      #expect(Set(elements(name, [192])) == [BFloat16(1).bitPattern], "\(name)")
    }
    let bias = elements("q_proj.bias", [192]).map { BFloat16(bitPattern: $0).float }
    #expect(bias.allSatisfy { abs($0) < 0.036 } && Set(bias).count > 100)
  }
}

/// Computed apart from this program, with the definition in integers and a float32 product.
private let expectedElements: [UInt16] = [
  0xbc43, 0x3d31, 0x3ef6, 0xbe21, 0xbf0f, 0x3dc7, 0x3e85, 0xbe62,
]
