import Digests
import Foundation
import Inference
import Kernels
import Reporting

/// Tells answers to one question from answers to another: SHA-256 over all that an answer depends on.
package struct QuestionFingerprint {
  /// How many hexadecimal digits of the digest are kept: none of a million questions has another's.
  static let digits = 16

  private let context: String
  private let model: String
  private let endOfSequenceTokens: [Int32]
  private let numerics: Numerics
  private let instructionSet: InstructionSet
  private let rotationTokens: Int?

  /// - Parameters:
  ///   - context: token ids.
  ///   - model: what tells its configuration and weights from all others.
  ///   - rotationTokens: the length that the context is rotated for; nil for its own.
  package init(
    context: [Int32], model: String, endOfSequenceTokens: Set<Int32>, numerics: Numerics,
    instructionSet: InstructionSet, rotatedAs rotationTokens: Int? = nil
  ) {
    self.rotationTokens = rotationTokens
    self.context = Self.digest(of: context)
    self.model = model
    self.endOfSequenceTokens = endOfSequenceTokens.sorted()
    self.numerics = numerics
    self.instructionSet = instructionSet
  }

  /// Of one question about this context; 16 hexadecimal digits.
  ///
  /// - Parameter ownContext: token ids behind those of the common context; nil for none.
  /// - Throws: what `JSONEncoder` throws; for these values it does not.
  package func text(
    ownContext: [Int32]? = nil, prompt: [Int32], parameters: GenerationParameters
  ) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let content = try encoder.encode(
      Content(
        context: context, rotationTokens: rotationTokens,
        ownContext: ownContext.map(Self.digest), model: model,
        endOfSequenceTokens: endOfSequenceTokens,
        precision: numerics.name, instructionSet: instructionSet, prompt: Self.digest(of: prompt),
        parameters: parameters))
    let checksum = content.withUnsafeBytes { Checksum(of: $0) }
    return String(checksum.hexadecimal.prefix(Self.digits))
  }

  private struct Content: Encodable {
    let context: String
    let rotationTokens: Int?
    let ownContext: String?
    let model: String
    let endOfSequenceTokens: [Int32]
    let precision: String
    let instructionSet: InstructionSet
    let prompt: String
    let parameters: GenerationParameters
  }

  private static func digest(of tokens: [Int32]) -> String {
    tokens.map(\.littleEndian).withUnsafeBytes { Checksum(of: $0) }.hexadecimal
  }
}
