import Digests
import ModelFiles

/// What tells a model from every other one, wherever it lies.
struct ModelIdentity: Codable, Equatable {
  /// SHA-256 over the bytes of `config.json`, or over what stands before the data of a GGUF file.
  let configuration: String
  /// SHA-256 over the hashes of the weights' pieces, or how the weights are made.
  let weights: String

  /// Both in one, 64 hexadecimal digits.
  var text: String { Checksum(of: "\(configuration) \(weights)").hexadecimal }

  /// - Throws: `FileError`.
  static func configuration(of model: ModelOutline) throws -> String {
    guard let stored = model.stored else {
      return Checksum(of: "\(model.configuration)").hexadecimal
    }
    return try stored.withConfigurationBytes { Checksum(of: $0).hexadecimal }
  }
}
