import ContextFiles
import Inference
import Kernels
import Ranks
import RingAttention

// The contexts that questions of a file have of their own: looked at before the common one is computed.

extension GenerateJob {
  /// What questions have before them, on every rank. A saved one is compared with this run, and the bytes
  /// that will be read of it with their checksums. Every rank calls this.
  ///
  /// - Parameters:
  ///   - questionnaire: on rank 0, whose questions have them.
  ///   - rotationTokens: the length that the common context is rotated for.
  /// - Throws: `AgreedFailure` with file and line of the question, `MPIError`.
  func ownContexts(
    of questionnaire: Questionnaire?, _ input: TokenizedInput, _ agreement: ModelAgreement,
    _ arithmetic: Arithmetic, rotationTokens: Int
  ) throws -> [OwnContext] {
    let entries = input.ownContexts.entries
    guard try job.communicator.broadcast(value: entries.count, from: 0) > 0 else { return [] }
    if settings.sources != nil {
      warnings.add(
        "--sources names places of the common context alone, none of the questions' own contexts")
    }
    if try job.communicator.broadcast(value: entries.contains { $0.saved != nil }, from: 0) {
      let common = try describe(agreement, arithmetic, tokens: input.context.count, chat: nil)
      try job.runOnRoot {
        let used = Set(questionnaire?.entries.compactMap(\.question.context) ?? [])
        try job.onAnotherThread {
          for number in used.sorted() where entries[number].saved != nil {
            try OwnContexts.located(entries[number].place) {
              try Self.check(
                entries[number].saved!, behind: common, rotationTokens: rotationTokens,
                agreement)
            }
          }
        }
      }
    }
    return try spread(entries)
  }

  /// - Throws: `FileError`, `Failure`.
  private static func check(
    _ saved: FinishedContext, behind common: ContextDescription, rotationTokens: Int,
    _ agreement: ModelAgreement
  ) throws {
    let (directory, manifest) = (saved.directory, saved.manifest)
    try manifest.description.check(against: common, path: directory.path)
    let rotated = manifest.description.rotationTokens
    guard agreement.model.configuration.rotates(rotated, as: rotationTokens) else {
      throw Failure(
        .badData,
        """
        the saved context '\(directory.path)' is rotated as for \(rotated) tokens, the common one as for \
        \(rotationTokens), so it does not go on behind it; save it with --append behind the common one
        """)
    }
    try directory.verify(manifest, fromBlock: common.tokens / tokensPerBlock)
  }

  private struct SavedPlace: Codable {
    let path: String
    let manifest: ContextManifest
  }

  private func spread(_ entries: [OwnContexts.Entry]) throws -> [OwnContext] {
    let counts = try job.communicator.broadcast(array: entries.map(\.tokens.count), from: 0)
    let tokens = try job.communicator.broadcast(array: entries.flatMap(\.tokens), from: 0)
    let places = try job.onRoot {
      entries.map { entry in
        entry.saved.map { SavedPlace(path: $0.directory.path, manifest: $0.manifest) }
      }
    }
    var start = 0
    return try zip(counts, places).map { count, place in
      defer { start += count }
      return OwnContext(
        tokens: Array(tokens[start..<start + count]),
        saved: try place.map {
          try FinishedContext(ContextDirectory(path: $0.path), $0.manifest)
        })
    }
  }
}
