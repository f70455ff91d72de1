import Files
import Foundation
import JSON

/// A model as Hugging Face lays it out: `config.json`, safetensors, and perhaps
/// `generation_config.json` and `tokenizer.json`, in one directory.
public struct ModelDirectory: Sendable {
  public let path: String
  /// `config.json`.
  public let configuration: JSONDocument
  /// `generation_config.json`, if it is there.
  public let generationConfiguration: JSONDocument?
  /// The path of `tokenizer.json`, if it is there.
  public let tokenizerPath: String?

  /// Reads the directory's configurations, not yet its tensors.
  ///
  /// Throws `FileError`: `notFound` where the directory or its `config.json` is missing, and
  /// as `JSONDocument` does.
  public init(path: String) throws {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
      throw FileError(.notFound, "\(path): there is no such model directory; check the path")
    }
    guard isDirectory.boolValue else {
      throw FileError(
        .notFound, "\(path): is a file; name the model's directory, which holds config.json")
    }
    let configurationPath = "\(path)/\(FileName.configuration)"
    guard FileManager.default.fileExists(atPath: configurationPath) else {
      throw FileError(
        .notFound,
        "\(path): has no \(FileName.configuration); "
          + (HubCache.fetchCommand(forSnapshot: path).map { "fetch it with '\($0)'" }
            ?? "name a model directory in Hugging Face layout"))
    }
    self.path = path
    configuration = try JSONDocument(path: configurationPath)
    generationConfiguration = try Self.ifPresent(path, FileName.generationConfiguration)
      .map { try JSONDocument(path: $0) }
    tokenizerPath = Self.ifPresent(path, FileName.tokenizer)
  }

  /// Maps and checks the model's tensors: `model.safetensors`, else the shards of
  /// `model.safetensors.index.json`.
  ///
  /// Throws `FileError`: `notFound` where there is neither, and as `SafetensorsCollection`
  /// does.
  public func openTensors() throws -> SafetensorsCollection {
    if let file = Self.ifPresent(path, FileName.tensors) {
      return try SafetensorsCollection(path: file)
    }
    if let index = Self.ifPresent(path, FileName.tensorIndex) {
      return try SafetensorsCollection(indexPath: index, directory: path)
    }
    throw FileError(
      .notFound,
      "\(path): has neither \(FileName.tensors) nor \(FileName.tensorIndex); "
        + (HubCache.fetchCommand(forSnapshot: path).map { "fetch the model's weights with '\($0)'" }
          ?? "add the model's weights as safetensors"))
  }

  /// Whether the directory has a file of tensors or an index of such files.
  public var hasTensors: Bool {
    Self.ifPresent(path, FileName.tensors) != nil
      || Self.ifPresent(path, FileName.tensorIndex) != nil
  }

  enum FileName {
    static let configuration = "config.json"
    static let generationConfiguration = "generation_config.json"
    static let tokenizer = "tokenizer.json"
    static let tensors = "model.safetensors"
    static let tensorIndex = "model.safetensors.index.json"
  }

  private static func ifPresent(_ directory: String, _ name: String) -> String? {
    let path = "\(directory)/\(name)"
    return FileManager.default.fileExists(atPath: path) ? path : nil
  }
}
