import ContextFiles
import Files
import Kernels
import Ranks
import SystemPackage

extension GenerateSettings {
  /// Fills in what the saved context says: its model, unless another place of it is given, and the types
  /// that it was computed in.
  ///
  /// - Throws: 64 if the options say otherwise; as `ContextDirectory.manifest` does.
  mutating func fillIn(
    from directory: ContextDirectory, _ options: GenerateOptions
  ) throws(Failure) {
    let manifest: ContextManifest
    do { manifest = try directory.manifest() } catch { throw Failure(error) }
    let description = manifest.description
    guard let numerics = Numerics(name: description.precision) else {
      throw Failure(
        .badData,
        """
        the saved context '\(directory.path)' is in the precision '\(description.precision)', \
        which this ringflash does not know; save it anew
        """)
    }
    func check(_ option: GenerateOption, _ given: String?, _ saved: String) throws(Failure) {
      guard let given, given != saved else { return }
      throw Failure(
        .usage,
        """
        --\(option.rawValue) \(given) does not go with the saved context '\(directory.path)', which \
        was computed in \(saved); leave it out
        """)
    }
    try check(.precision, options.precision?.rawValue, numerics.precision.rawValue)
    try check(.weightsAs, options.weightsAs?.rawValue, numerics.quantizedProducts.rawValue)
    try check(.kvCache, options.kvCache?.rawValue, numerics.keyValueFormat.rawValue)
    self.numerics = numerics
    if options.model == nil {
      model = ModelSource(description.model.path)
      if case .stored(let path) = model, !FilePath(text: path).exists {
        throw Failure(
          .noInput,
          """
          the saved context '\(directory.path)' is of the model '\(path)', which is not there; give \
          its place with --model PATH
          """)
      }
      randomWeights = description.model.randomWeights
    }
    restored = manifest
  }
}
