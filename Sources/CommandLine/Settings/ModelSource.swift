import Files
import Foundation
import ModelFiles
import SystemPackage

/// Which model: the one that the program has in it, or one in files.
package enum ModelSource: Codable, Equatable, Sendable {
  /// The retrieval model.
  case builtIn
  /// A directory in Hugging Face layout, or a GGUF file; until it is `located`, `ORG/NAME` of a model in
  /// the local Hugging Face cache, too.
  case stored(String)

  /// The value of `--model` that means the built-in model; `./needle` is a directory.
  package static let builtInName = "needle"

  /// From what `--model` says, or a saved context.
  package init(_ name: String) {
    self = name == Self.builtInName ? .builtIn : .stored(name)
  }

  /// The same, a path said so that it is found from another working directory, too.
  var absoluteName: String {
    switch self {
    case .builtIn: Self.builtInName
    case .stored(let path): FilePath(text: path).absolute.text
    }
  }

  /// The same with the path of files. Rank 0 looks, for the environment and its cache are its
  /// own.
  ///
  /// - Throws: `FileError`, as `path(of:)`.
  func located() throws -> ModelSource {
    switch self {
    case .builtIn: .builtIn
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
