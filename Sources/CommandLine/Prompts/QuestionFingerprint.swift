import Digests
import Foundation
import Inference
import Kernels
import Reporting

/// Tells answers to one question from answers to another: SHA-256 over all that an answer depends on
/// but the CPU.
package struct QuestionFingerprint {
  /// How many hexadecimal digits of the digest are kept: none of a million questions has another's.
  static let digits = 16

  private let context: String
  private let model: String
  private let randomWeights: Bool
  private let precision: Precision

  /// - Parameter context: token ids.
  package init(context: [Int32], model: String, randomWeights: Bool, precision: Precision) {
    self.context = Self.digest(of: context)
    self.model = model
    self.randomWeights = randomWeights
    self.precision = precision
  }

  /// Of one question about this context; 16 hexadecimal digits.
  ///
  /// - Throws: what `JSONEncoder` throws; for these values it does not.
  package func text(prompt: [Int32], parameters: GenerationParameters) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let content = try encoder.encode(
      Content(
        context: context, model: model, randomWeights: randomWeights, precision: precision,
        prompt: Self.digest(of: prompt), parameters: parameters))
    let checksum = content.withUnsafeBytes { Checksum(of: $0) }
    return String(checksum.hexadecimal.prefix(Self.digits))
  }

  private struct Content: Encodable {
    let context: String
    let model: String
    let randomWeights: Bool
    let precision: Precision
    let prompt: String
    let parameters: GenerationParameters
  }

  private static func digest(of tokens: [Int32]) -> String {
    tokens.map(\.littleEndian).withUnsafeBytes { Checksum(of: $0) }.hexadecimal
  }
}
