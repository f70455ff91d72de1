import Foundation
import Kernels

/// The elements of a matrix to be written, in whatever order they lie.
struct NeedleMatrix {
  let elements: UnsafeMutablePointer<BFloat16>
  let outputStep: Int
  let inputStep: Int

  func set(_ output: Int, _ input: Int, _ value: Float) {
    elements[output * outputStep + input * inputStep] = BFloat16(value)
  }
}

/// The elements of a vector to be written.
struct NeedleVector {
  let elements: UnsafeMutablePointer<BFloat16>
  var step = 1

  func set(_ index: Int, _ value: Float) {
    elements[index * step] = BFloat16(value)
  }

  func fill(_ indices: Range<Int>, _ value: Float) {
    for index in indices { set(index, value) }
  }
}

typealias NeedleMatrixWriter = (NeedleMatrix) -> Void
typealias NeedleVectorWriter = (NeedleVector) -> Void

/// What writes the four projections of an attention; nil leaves zeros.
struct NeedleAttentionWriters {
  var query: NeedleMatrixWriter?
  var key: NeedleMatrixWriter?
  var value: NeedleMatrixWriter?
  var output: NeedleMatrixWriter?
  var queryBias: NeedleVectorWriter?
  var keyBias: NeedleVectorWriter?
  var valueBias: NeedleVectorWriter?
  var outputBias: NeedleVectorWriter?
}

// MARK: Tensors

extension NeedleDesign {
  func matrix(
    _ name: String, _ outputs: Int, _ inputs: Int, write: NeedleMatrixWriter?
  ) -> TensorStore.Recipe {
    TensorStore.Recipe(name: name, shape: [outputs, inputs]) {
      write?(NeedleMatrix(elements: $0.baseAddress!, outputStep: inputs, inputStep: 1))
    }
  }

  func vector(_ name: String, _ count: Int, write: NeedleVectorWriter?) -> TensorStore.Recipe {
    TensorStore.Recipe(name: name, shape: [count]) {
      write?(NeedleVector(elements: $0.baseAddress!))
    }
  }

  /// An RMSNorm of the hidden state.
  func norm(_ name: String) -> TensorStore.Recipe {
    vector(name, Self.hiddenSize) { $0.fill(0..<Self.hiddenSize, 1) }
  }

  /// - Parameter prefix: such as `model.layers.0.self_attn`.
  func projections(_ prefix: String, _ writers: NeedleAttentionWriters) -> [TensorStore.Recipe] {
    let (hidden, head) = (Self.hiddenSize, headDimension)
    return [
      matrix(prefix + ".q_proj.weight", head, hidden, write: writers.query),
      vector(prefix + ".q_proj.bias", head, write: writers.queryBias),
      matrix(prefix + ".k_proj.weight", head, hidden, write: writers.key),
      vector(prefix + ".k_proj.bias", head, write: writers.keyBias),
      matrix(prefix + ".v_proj.weight", head, hidden, write: writers.value),
      vector(prefix + ".v_proj.bias", head, write: writers.valueBias),
      matrix(prefix + ".o_proj.weight", hidden, head, write: writers.output),
      vector(prefix + ".o_proj.bias", hidden, write: writers.outputBias),
    ]
  }
}

// MARK: Embedding and head

extension NeedleDesign {
  /// Bit `bit` of a number as ±1.
  func sign(_ number: Int, bit: Int) -> Float { number >> bit & 1 == 1 ? 1 : -1 }

  /// Element `bit` of the token's code.
  func code(_ token: Int, bit: Int) -> Float {
    token < 256 ? sign(token, bit: bit) : sign(token, bit: bit) / 2
  }

  func writeHead(_ matrix: NeedleMatrix) {
    for token in 0..<Self.vocabularySize {
      for bit in 0..<Self.slotSize {
        matrix.set(token, Self.outputElement + bit, Self.headScale * code(token, bit: bit))
      }
    }
  }
}

// MARK: Gathering layers

extension NeedleDesign {
  /// A query whose score, with what `writeDistanceKey` writes, peaks at a distance.
  ///
  /// - Parameters:
  ///   - pairs: that take part, from the first, the fastest.
  ///   - scale: s.
  func writeDistanceQuery(_ bias: NeedleVector, distance: Int, pairs: Int, scale: Float) {
    let rotations = RoPE(rope, headDimension: headDimension)
    for pair in 0..<pairs {
      let (cosine, sine) = rotations.rotation(ofPair: pair, at: -distance)
      bias.set(pair, scale * cosine)
      bias.set(pair + headDimension / 2, scale * sine)
    }
  }

  func writeDistanceKey(_ bias: NeedleVector, pairs: Int) {
    bias.fill(0..<pairs, 1)
  }

  /// - Parameter tokens: whose codes are copied.
  func writeGatheringValue(_ matrix: NeedleMatrix, tokens: Int) {
    for element in 0..<Self.slotSize * tokens {
      matrix.set(element, element, rms(tokens: tokens))
    }
  }

  func writeGatheringOutput(_ matrix: NeedleMatrix, tokens: Int, scale: Float = 1) {
    let width = Self.slotSize * tokens
    for element in 0..<width {
      matrix.set(width + element, element, scale)
    }
  }
}

// MARK: The matching layer

extension NeedleDesign {
  /// - Parameter scale: of the score that a bit of the last token adds.
  func writeMatchingQuery(_ matrix: NeedleMatrix, scale: Float) {
    for slot in 0..<Self.matchedTokens {
      for element in slot * Self.slotSize..<(slot + 1) * Self.slotSize {
        matrix.set(
          matchingCoordinate(element), element,
          scale * rms(tokens: Self.historySlots) * pow(Self.decay, Float(slot)))
      }
    }
  }

  func writeMatchingKey(_ matrix: NeedleMatrix) {
    for element in 0..<Self.matchedTokens * Self.slotSize {
      matrix.set(
        matchingCoordinate(element), element + Self.slotSize, rms(tokens: Self.historySlots))
    }
  }

  func writeCopyingValue(_ matrix: NeedleMatrix) {
    for element in 0..<Self.slotSize {
      matrix.set(element, element, rms(tokens: Self.historySlots))
    }
  }

  func writeCopyingOutput(_ matrix: NeedleMatrix) {
    for element in 0..<Self.slotSize {
      matrix.set(Self.outputElement + element, element, 1)
    }
  }
}
