import Files
import JSON

/// A model in a GGUF file, or in all parts of one that was split, as a model of a Hugging Face family:
/// what its `config.json` would say, and its tensors under the family's names.
public struct GGUFModel: StoredModel {
  public let path: String
  public let configuration: JSONDocument
  public let unknownKeys: [String]
  /// Of the first part: what the file says of itself and of its tokenizer.
  public let metadata: GGUFMetadata
  private let tensors: GGUFTensors

  /// - Parameter path: of the file, or of any part.
  ///
  /// Throws `FileError`: `notFound` where a file is missing, `malformed` where one breaks the format or
  /// contradicts itself, `unsupported` for a model that asks for something that is not supported.
  public init(path: String) throws {
    let files = try GGUFCollection(path: path)
    let architecture = try GGUFArchitecture.of(files.metadata)
    let configuration = try GGUFConfiguration(files, architecture)
    self.path = path
    self.configuration = JSONDocument(path: path, object: JSONObject(configuration.members))
    unknownKeys = configuration.unknownKeys
    metadata = files.metadata
    tensors = GGUFTensors(files, architecture, layers: configuration.layers)
  }

  public var configurationName: String { path }
  public var generationConfiguration: JSONDocument? { nil }
  public var tokenizerPath: String? { nil }
  public var foreignTokenizer: String? { nil }
  public var foreignTensors: String? { nil }
  public var rotatesAdjacentPairs: Bool { tensors.architecture.rotatesAdjacentPairs }

  public func openTensors() throws -> any TensorCollection {
    try ExpertTensors(tensors, layout: .rows, of: path)
  }

  public func tensorPresence() throws -> TensorPresence { .all }

  public func withConfigurationBytes<Result>(
    _ body: (UnsafeRawBufferPointer) throws -> Result
  ) throws -> Result {
    let file = tensors.files.files[0]
    return try withExtendedLifetime(file) { try body(file.header) }
  }
}

/// A GGUF model's tensors under the names that its family has for them.
struct GGUFTensors: TensorCollection {
  let files: GGUFCollection
  let architecture: GGUFArchitecture
  let names: [String]
  /// From the family's name to the file's, where they differ.
  private let fileNames: [String: String]

  /// - Parameter layers: how many the model has; those behind them predict further tokens, and are not used.
  init(_ files: GGUFCollection, _ architecture: GGUFArchitecture, layers: Int) {
    self.files = files
    self.architecture = architecture
    var names: [String] = []
    var fileNames: [String: String] = [:]
    for name in files.names where !GGUFConfiguration.tensorNames.contains(name) {
      if let layer = Self.layer(of: name), layer >= layers { continue }
      let familyName = architecture.familyName(of: name)
      names.append(familyName ?? name)
      if let familyName { fileNames[familyName] = name }
    }
    self.names = names
    self.fileNames = fileNames
  }

  private static func layer(of name: String) -> Int? {
    let parts = name.split(separator: ".", maxSplits: 2)
    return parts.count == 3 && parts[0] == "blk" ? Int(parts[1]) : nil
  }

  var paths: [String] { files.files.map(\.path) }

  func tensor(named name: String) -> Tensor? {
    guard let tensor = files.tensor(fileNames[name] ?? name, as: name) else { return nil }
    // One row is a vector there.
    guard name.hasSuffix(".shared_expert_gate.weight"), tensor.shape.count == 1 else {
      return tensor
    }
    return Tensor(
      name: name, elementType: tensor.elementType, shape: [1] + tensor.shape, bytes: tensor.bytes,
      owner: tensor.owner)
  }

  func storedName(of name: String) -> String {
    fileNames[name] ?? architecture.fileName(of: name)
  }

  func addend(of name: String) -> Float {
    architecture.normsIncludeOne && name.hasSuffix("norm.weight") ? 1 : 0
  }
}
