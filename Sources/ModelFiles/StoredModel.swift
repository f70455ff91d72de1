import Files
import JSON
import SystemPackage

/// A model as files hold it: its configuration, and the way to its tensors.
public protocol StoredModel: Sendable {
  /// The directory or the file; what the model is called.
  var path: String { get }
  /// What `config.json` says, or what it would say.
  var configuration: JSONDocument { get }
  /// What to call the place of the configuration in messages.
  var configurationName: String { get }
  /// What the configuration's place says that nobody here knows, besides keys of `configuration`.
  var unknownKeys: [String] { get }
  /// `generation_config.json`, if there is one.
  var generationConfiguration: JSONDocument? { get }
  /// The path of `tokenizer.json`, if there is one.
  var tokenizerPath: String? { get }
  /// Where there is no `tokenizer.json`: what is there in its place, in a clause that says what to do;
  /// nil for nothing that is known.
  var foreignTokenizer: String? { get }
  /// Whether the rows of query and key projections are ordered for a rotation of coordinates that stand
  /// side by side, and not for one of a head's halves.
  var rotatesAdjacentPairs: Bool { get }

  /// Maps and checks the model's tensors.
  ///
  /// Throws `FileError`.
  func openTensors() throws -> any TensorCollection
  /// Looks which files are there, not into them.
  ///
  /// Throws `FileError` where an index of tensors is malformed.
  func tensorPresence() throws -> TensorPresence
  /// Where there are no tensors: what is there in their place, as `foreignTokenizer`.
  var foreignTensors: String? { get }
  /// What `body` makes of the bytes that the configuration was read from.
  ///
  /// Throws `FileError`, and what `body` throws.
  func withConfigurationBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws
    -> Result
}

/// What of a model's tensors is there.
public enum TensorPresence: Equatable, Sendable {
  case all
  /// An index of files of which so many are missing.
  case index(missing: Int, of: Int, totalBytes: Int?)
  case none
}

/// Where models lie.
public enum StoredModels {
  /// The files that may belong to the model at `path`: those of a directory, or all parts of a GGUF
  /// file, be they there or not.
  public static func files(at path: String) -> [String] {
    guard FilePath(text: path).isFolder else { return GGUFName(part: path)?.parts ?? [path] }
    return ((try? FilePath(text: path).entries()) ?? []).map { "\(path)/\($0)" }
  }

  /// Whether a path can mean nothing but a GGUF file.
  public static func isGGUF(_ path: String) -> Bool { GGUFName.isGGUF(path) }

  /// The GGUF model at `path`, as in `model(at:)`; nil where something else is there.
  ///
  /// Throws `FileError`.
  public static func gguf(at path: String) throws -> GGUFModel? {
    switch FilePath(text: path).type {
    case .directory?: try GGUFName.onlyModel(in: path).map { try GGUFModel(path: $0) }
    case .regular? where GGUFFile.isLikely(path): try GGUFModel(path: path)
    default: nil
    }
  }

  /// The model at `path`: a directory in Hugging Face layout, a GGUF file or any part of one that was
  /// split, or a directory that has exactly one of these and no `config.json`.
  ///
  /// Throws `FileError`: as `ModelDirectory` and `GGUFModel` do, `notFound` where a directory has
  /// several GGUF models.
  public static func model(at path: String) throws -> any StoredModel {
    if let model = try gguf(at: path) { return model }
    switch FilePath(text: path).type {
    case nil where GGUFName.isGGUF(path):
      throw FileError(.notFound, "\(path): there is no such file; check the path")
    default:
      return try ModelDirectory(path: path)
    }
  }
}
