import Files

/// A finished context on disk, as one that extends it needs it. No job writes to it any more.
public struct FinishedContext: Sendable {
  public let directory: ContextDirectory
  public let manifest: ContextManifest

  /// - Parameter manifest: the directory's.
  /// - Throws: `FileError` of the kind `unsupported` if its prefill is not finished.
  public init(_ directory: ContextDirectory, _ manifest: ContextManifest) throws(FileError) {
    guard manifest.isFinished else {
      throw FileError(
        .unsupported,
        """
        \(directory.path): \(manifest.finishedLayers) of \(manifest.description.layers) layers of this \
        saved context are finished, and only a finished one can be extended; finish it first with \
        --resume \(directory.path)
        """)
    }
    self.directory = directory
    self.manifest = manifest
  }

  /// What the description of a context says that extends this one, or a part of it.
  ///
  /// - Parameters:
  ///   - tokens: its first ones, which the other begins with.
  ///   - rotationTokens: the length for which the whole is rotated.
  public func base(tokens: Int, rotationTokens: Int) -> ContextDescription.Base {
    precondition(1...manifest.description.tokens ~= tokens, "a base has as many tokens")
    return .init(
      tokens: tokens, path: directory.absolutePath,
      manifest: manifest.checksum, rotationTokens: rotationTokens)
  }
}
