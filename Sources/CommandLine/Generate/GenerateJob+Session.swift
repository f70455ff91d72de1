import ContextFiles
import Inference
import Kernels
import Ranks
import Transformer

/// What the context of a run is made from.
struct ContextRequest {
  let agreement: ModelAgreement
  let arithmetic: Arithmetic
  let input: TokenizedInput
  let asked: Questionnaire.Extent
  let isInterruptible: Bool

  var model: ModelOutline { agreement.model }
  var tokens: Int { input.context.count }
}

/// Where a context is on disk, or will be, and what it is of; nil where it is nowhere.
struct ContextPlace {
  let folder: ContextFolder?
  let description: ContextDescription?
}

/// A session that has what there was of its context on disk.
struct RestoredContext {
  let session: Session
  let folder: ContextFolder?
  /// Its files; nil where there are none, and there will be none.
  let saved: SavedContext?
  /// Whether each host holds only its part of the weights.
  let dividesWeights: Bool

  /// Where all of the context will be found; nil where it is not saved.
  var path: String? { folder.flatMap { $0.isSaved ? $0.directory.path : nil } }

  /// Tokens whose keys and values a cache had.
  var cachedTokens: Int {
    guard folder?.cache != nil else { return 0 }
    return folder?.restored?.isFinished == true
      ? session.sequence.contextTokens : session.sequence.baseTokens
  }
}

extension GenerateJob {
  /// Where the context is: in the folder that the settings name, or wherever the cache has it.
  ///
  /// - Parameters:
  ///   - folder: the settings'; `restored`, what is there.
  ///   - refusals: entries of the cache that are left out.
  /// - Throws: `AgreedFailure`, `MPIError`.
  func place(
    of request: ContextRequest, _ folder: ContextFolder?, _ restored: ContextDescription?,
    _ refusals: inout CacheRefusals
  ) throws -> ContextPlace {
    if let restored { return ContextPlace(folder: folder, description: restored) }
    func describe() throws -> ContextDescription {
      try self.describe(
        request.agreement, request.arithmetic, tokens: request.tokens, chat: request.input.chat)
    }
    guard let cache = settings.cache else {
      return ContextPlace(folder: folder, description: try describeNew(folder, describe()))
    }
    let description = try describe()
    let cached = try cachedFolder(in: cache, description, for: request, &refusals)
    return ContextPlace(folder: cached, description: try describeNew(cached, description))
  }

  /// Loads the model, and restores what is there of the context. Where the cache's entry is damaged, all is
  /// done anew without it.
  ///
  /// - Parameter place: where the context is.
  /// - Throws: `AgreedFailure`, `MPIError`.
  func restoredContext(
    for request: ContextRequest, _ place: (inout CacheRefusals) throws -> ContextPlace
  ) throws -> RestoredContext {
    var refusals = CacheRefusals()
    while true {
      let place = try place(&refusals)
      let sequence = sequence(
        contextTokens: request.tokens, base: place.folder?.sequenceBase, request.asked)
      try checkPositions(request.model, sequence)
      let weights = try placeWeights(
        of: request.model, request.arithmetic, sequence,
        isInterruptible: request.isInterruptible, givesContextLogits: settings.logitsAll)
      clock.skip()
      let model = try loadWeights(weights, team: request.arithmetic.team)
      clock.end(\.load)
      let session = session(model, sequence, request.arithmetic)
      let saved = place.folder?.context(
        of: session, place.description, tokens: request.input.context)
      if let saved, saved.canBeRestored {
        do {
          try restore(saved)
        } catch let failure as AgreedFailure {
          guard let folder = place.folder, folder.cache != nil else { throw failure }
          refuse(folder, because: failure.failure, &refusals)
          continue
        }
        clock.end(\.restore)
      }
      return RestoredContext(
        session: session, folder: place.folder, saved: saved, dividesWeights: weights.isDivided)
    }
  }
}
