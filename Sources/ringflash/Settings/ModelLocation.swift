import Foundation
import ModelFiles

/// From what `--model` says to where the model is; rank 0 looks, for the environment and its cache
/// are its own.
enum ModelLocation {
  /// `name` itself where it is a path or the built-in model; the directory of its files where it is
  /// `ORG/NAME` of a model in the local Hugging Face cache.
  ///
  /// - Throws: `ModelFileError` where it could be only the latter and is not there.
  static func path(
    of name: String, environment: [String: String] = ProcessInfo.processInfo.environment
  ) throws -> String {
    guard name != GenerateSettings.builtInModel, !FileManager.default.fileExists(atPath: name),
      let model = HubModel(name)
    else { return name }
    return try HubCache(environment: environment).snapshot(of: model)
  }

  /// The same place, said so that it is found from another working directory, too.
  static func absolute(_ path: String) -> String {
    guard path != GenerateSettings.builtInModel else { return path }
    return URL(fileURLWithPath: path).standardizedFileURL.path
  }
}
