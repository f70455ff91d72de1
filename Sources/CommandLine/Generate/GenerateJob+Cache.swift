import ContextFiles
import Foundation
import Inference
import Kernels
import MPI
import Ranks
import Transformer

// A context with a cache: what goes wrong with an entry is said, and the run goes on without it.

/// What of a cache is not used any more in this run.
struct CacheRefusals {
  /// Of entries that were found and could not be used.
  var paths: Set<String> = []
  /// Whether the context will not be saved.
  var isUnsaved = false
}

extension GenerateJob {
  /// Looks whether there is a cache that all ranks can write to; hours of work are not lost to a wrong one.
  ///
  /// - Throws: `AgreedFailure` (74), `MPIError`.
  func openCache() throws {
    guard let cache = settings.cache else { return }
    let mark = try job.onRoot {
      try cache.open()
      return try cache.directory.mark()
    }
    defer { if job.isRoot { cache.directory.unmark(mark) } }
    try job.onEveryRank { try cache.directory.checkAccess(mark: mark, rank: job.rank) }
  }

  /// What the cache has of a context, and where in it the context will be; ready to be written.
  ///
  /// - Parameters:
  ///   - description: of the context, without a base.
  ///   - refusals: what is left out, and grows by what turns out to be of no use.
  /// - Returns: nil where there is nothing, and the context is not saved.
  /// - Throws: `AgreedFailure`, `MPIError`.
  func cachedFolder(
    in cache: ContextCache, _ description: ContextDescription, for request: ContextRequest,
    _ refusals: inout CacheRefusals
  ) throws -> ContextFolder? {
    let (tokens, rotations) = (request.input.context, request.model.configuration)
    while true {
      var reading: ContextReading?
      let place = try job.onRoot { [refusals] in
        let found = try job.onAnotherThread {
          try cache.find(tokens, of: description, excluding: refusals.paths) {
            rotations.rotates(tokens.count, as: $0)
          }
        }
        for (path, error) in found.problems { dropDamaged(path, in: cache, because: "\(error)") }
        reading = found.reading
        return ContextFolder.CachedPlace(
          match: found.match,
          newPath: refusals.isUnsaved || found.match?.isWhole == true
            ? nil : newPath(in: cache, description, behind: found.match))
      }
      let folder = try job.onEveryRank {
        try ContextFolder(
          place, in: cache, reading: reading, hasCheckpoints: settings.checkpointMinutes != nil,
          request.arithmetic)
      }
      do {
        try makeReady(folder)
        if let match = place.match { noteHit(match, of: tokens.count) }
        return folder
      } catch let failure as AgreedFailure {
        // Another job writes there, or was faster in taking it away; or the disk refuses.
        if let match = place.match {
          refusals.paths.insert(match.path)
          warnings.add("what the cache has of the context is not used: \(failure.failure.sentence)")
        } else {
          refusals.isUnsaved = true
          warnings.add("the context is not saved in the cache: \(failure.failure.sentence)")
        }
        if job.isRoot { folder?.giveUp(as: leaseHolder) }
      }
    }
  }

  /// On rank 0: where the context is saved; nil where there is no room for it.
  private func newPath(
    in cache: ContextCache, _ description: ContextDescription, behind match: ContextCache.Match?
  ) -> String? {
    var description = description
    let whole = description.bytesToSave(layers: description.layers, checkpoints: 0)
    guard whole <= cache.mostBytes else {
      warnings.add(
        """
        the context is not saved in the cache, it takes \(decimalSize(whole)) and the cache may have \
        \(decimalSize(cache.mostBytes)); give more with --cache-size
        """)
      return nil
    }
    description.base = try? match.map {
      try FinishedContext($0.directory, $0.manifest).base(
        tokens: $0.tokens, rotationTokens: $0.manifest.description.rotationTokens)
    }
    let bytes = description.bytesToSave(
      layers: description.layers, checkpoints: settings.checkpointMinutes == nil ? 0 : 2)
    do {
      try job.onAnotherThread { [leaseHolder] in
        try cache.makeRoom(bytes: bytes, as: leaseHolder)
        try cache.directory.checkRoom(bytes: bytes)
      }
    } catch {
      warnings.add("the context is not saved in the cache: \(error)")
      return nil
    }
    return cache.newEntry().path
  }

  /// Says that an entry could not be restored, and sees to it that it is not found again. Every rank calls
  /// this.
  func refuse(_ folder: ContextFolder, because failure: Failure, _ refusals: inout CacheRefusals) {
    guard let cache = folder.cache else { preconditionFailure("an entry is in a cache") }
    let entry = (folder.base?.directory ?? folder.directory).path
    refusals.paths.insert(entry)
    if job.isRoot { folder.giveUp(as: leaseHolder) }
    dropDamaged(entry, in: cache, because: failure.sentence)
  }

  private func dropDamaged(_ path: String, in cache: ContextCache, because reason: String) {
    warnings.add(
      "what the cache has in '\(path)' is removed and not used, it is damaged: \(reason)")
    guard job.isRoot else { return }
    try? cache.remove(ContextDirectory(path: path), as: leaseHolder)
  }

  private func noteHit(_ match: ContextCache.Match, of tokens: Int) {
    let description = match.manifest.description
    display.note(
      match.manifest.isFinished
        ? "the cache has \(match.tokens) of \(tokens) tokens: \(match.path)"
        : """
        the cache has \(match.manifest.finishedLayers) of \(description.layers) layers: \(match.path)
        """)
  }

  /// Keeps the cache within its size, on rank 0.
  func trimCache() {
    guard job.isRoot, let cache = settings.cache else { return }
    do {
      let trimmed = try job.onAnotherThread { [leaseHolder] in try cache.trim(as: leaseHolder) }
      guard trimmed.entries > 0 else { return }
      logger.info(
        "removed \(trimmed.entries) entries of the cache, \(decimalSize(trimmed.bytes)) came free")
    } catch {
      warnings.add("the cache could not be kept within its size: \(error)")
    }
  }

  /// This process, to others that would write to the same context.
  var leaseHolder: ContextLease.Holder {
    .init(host: MPIEnvironment.processorName, process: Int(getpid()))
  }
}
