import Files
import JSON
import SystemPackage

/// A model as Hugging Face lays it out: `config.json`, safetensors, and perhaps
/// `generation_config.json` and `tokenizer.json`, in one directory.
public struct ModelDirectory: StoredModel {
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
    switch FilePath(text: path).type {
    case .directory?: break
    case nil:
      throw FileError(.notFound, "\(path): there is no such model directory; check the path")
    default:
      throw FileError(
        .notFound,
        "\(path): is a file and no GGUF; name the model's directory, which "
          + "holds config.json, or a GGUF file")
    }
    let configurationPath = "\(path)/\(FileName.configuration)"
    guard FilePath(text: configurationPath).exists else {
      throw FileError(
        .notFound,
        "\(path): "
          + (ForeignFormat(directory: path).withoutConfiguration
            ?? "has no \(FileName.configuration); "
            + (HubCache.fetchCommand(forSnapshot: path).map { "fetch it with '\($0)'" }
              ?? "name a model directory in Hugging Face layout"))
      )
    }
    self.path = path
    configuration = try JSONDocument(path: configurationPath)
    generationConfiguration = try Self.ifPresent(path, FileName.generationConfiguration)
      .map { try JSONDocument(path: $0) }
    tokenizerPath = Self.ifPresent(path, FileName.tokenizer)
  }

  /// Maps and checks the model's tensors: `model.safetensors`, else the shards of
  /// `model.safetensors.index.json`, those of experts one by one.
  ///
  /// Throws `FileError`: `notFound` where there is neither, and as `SafetensorsCollection` and
  /// `ExpertTensors` do.
  public func openTensors() throws -> any TensorCollection {
    let modelType = (try? configuration.stringIfPresent("model_type")) ?? nil
    return try ExpertTensors(
      openFiles(), layout: ExpertLayout(modelType: modelType), of: path)
  }

  private func openFiles() throws -> SafetensorsCollection {
    if let file = Self.ifPresent(path, FileName.tensors) {
      return try SafetensorsCollection(path: file)
    }
    if let index = Self.ifPresent(path, FileName.tensorIndex) {
      return try SafetensorsCollection(indexPath: index, directory: path)
    }
    throw FileError(
      .notFound,
      "\(path): "
        + (foreignTensors
          ?? "has neither \(FileName.tensors) nor \(FileName.tensorIndex); "
          + (HubCache.fetchCommand(forSnapshot: path)
            .map { "fetch the model's weights with '\($0)'" }
            ?? "add the model's weights as safetensors"))
    )
  }

  /// Looks which files are there, not into them.
  ///
  /// Throws `FileError` where the index is malformed.
  public func tensorPresence() throws -> TensorPresence {
    if Self.ifPresent(path, FileName.tensors) != nil { return .all }
    guard let indexPath = Self.ifPresent(path, FileName.tensorIndex) else { return .none }
    let index = try TensorIndex(path: indexPath)
    let missing = index.shards.count { Self.ifPresent(path, $0) == nil }
    return missing == 0
      ? .all
      : .index(missing: missing, of: index.shards.count, totalBytes: index.totalBytes)
  }

  public var configurationName: String { "\(path)/\(FileName.configuration)" }

  public var unknownKeys: [String] { [] }

  public var rotatesAdjacentPairs: Bool { false }

  public func withConfigurationBytes<Result>(
    _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    let file = try MappedFile(path: configurationName)
    return try withExtendedLifetime(file) { try body(file.bytes) }
  }

  public var foreignTensors: String? { ForeignFormat(directory: path).withoutTensors }

  public var foreignTokenizer: String? { ForeignFormat(directory: path).withoutTokenizer }

  enum FileName {
    static let configuration = "config.json"
    static let generationConfiguration = "generation_config.json"
    static let tokenizer = "tokenizer.json"
    static let tensors = "model.safetensors"
    static let tensorIndex = "model.safetensors.index.json"
  }

  private static func ifPresent(_ directory: String, _ name: String) -> String? {
    let path = "\(directory)/\(name)"
    return FilePath(text: path).exists ? path : nil
  }
}
