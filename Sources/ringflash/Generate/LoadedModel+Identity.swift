import ContextFiles
import Foundation

extension LoadedModel {
  /// By what a model is known again: the digest of its configuration, or the built-in model's name.
  func identity() throws -> String {
    guard outline.name != GenerateSettings.builtInModel else { return outline.name }
    let bytes = try FileReader.bytes(of: outline.name + "/config.json", as: "configuration")
    return bytes.withUnsafeBytes { Checksum(of: $0).hexadecimal }
  }
}
