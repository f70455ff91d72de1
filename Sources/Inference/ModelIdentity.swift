import Digests
import Files
import ModelFiles

/// What tells a model from every other one, wherever it lies.
struct ModelIdentity: Codable, Equatable {
  /// SHA-256 over the bytes of `config.json`.
  let configuration: String
  /// SHA-256 over the hashes of the weights' pieces, or how the weights are made.
  let weights: String

  /// Both in one, 64 hexadecimal digits.
  var text: String { Checksum(of: "\(configuration) \(weights)").hexadecimal }

  /// Of a model in a directory.
  static func configurationPath(of model: ModelOutline) -> String { "\(model.name)/config.json" }

  /// - Throws: `FileError`.
  static func configuration(of model: ModelOutline) throws -> String {
    if model.weights.origin == .builtIn {
      return Checksum(of: "\(model.configuration)").hexadecimal
    }
    let file = try MappedFile(path: configurationPath(of: model))
    return withExtendedLifetime(file) { Checksum(of: file.bytes).hexadecimal }
  }
}
