import Files
import Foundation
import ModelFiles
import SystemPackage
import Transformer

/// Which model: the one that the program has in it, or one in files.
package enum ModelSource: Codable, Equatable, Sendable {
  /// A retrieval model.
  case builtIn(NeedleModel.Variant)
  /// A directory in Hugging Face layout, or a GGUF file; until it is `located`, `ORG/NAME` of a model in
  /// the local Hugging Face cache, too.
  case stored(String)

  /// What a run has that is told nothing.
  package static let standard = ModelSource.builtIn(.plain)
  package static let standardName = NeedleModel.Variant.plain.rawValue

  /// For help: the values of `--model` that mean a built-in model, and what they are.
  static let builtInHelp =
    NeedleModel.Variant.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")
    + " are the built-in retrieval models"

  /// From what `--model` says, or a saved context. `./needle` is a directory.
  package init(_ name: String) {
    self = NeedleModel.Variant(rawValue: name).map(ModelSource.builtIn) ?? .stored(name)
  }

  var isBuiltIn: Bool {
    switch self {
    case .builtIn: true
    case .stored: false
    }
  }

  /// The same, a path said so that it is found from another working directory, too.
  var absoluteName: String {
    switch self {
    case .builtIn(let variant): variant.rawValue
    case .stored(let path): FilePath(text: path).absolute.text
    }
  }

  /// The same with the path of files. Rank 0 looks, for the environment and its cache are its
  /// own.
  ///
  /// - Throws: `FileError`, as `path(of:)`.
  func located() throws -> ModelSource {
    switch self {
    case .builtIn: self
    case .stored(let name): .stored(try Self.path(of: name))
    }
  }

  /// `name` itself where it is a path; the directory of its files where it is `ORG/NAME` of a model in
  /// the local Hugging Face cache.
  ///
  /// - Throws: `FileError` where it could be only the latter and is not there.
  static func path(of name: String) throws -> String {
    guard !FilePath(text: name).exists, !StoredModels.isGGUF(name), let model = HubModel(name)
    else { return name }
    return try HubCache(environment: ProcessInfo.processInfo.environment).snapshot(of: model)
  }
}
