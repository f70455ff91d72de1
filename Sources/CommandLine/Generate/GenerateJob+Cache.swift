import ContextFiles
import Files
import Inference
import Kernels
import Ranks
import SystemPackage
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
    while true {
      var found = try find(in: cache, description, for: request, refusals)
      let place = try job.onRoot {
        ContextFolder.CachedPlace(
          match: found?.match,
          newPath: refusals.isUnsaved || found?.match?.isWhole == true
            ? nil : newPath(in: cache, description, behind: found?.match))
      }
      let folder = try job.onEveryRank {
        try ContextFolder(
          place, in: cache, reading: found?.reading,
          hasCheckpoints: settings.checkpointMinutes != nil, request.arithmetic)
      }
      // From now on, the folder alone says that it is read.
      found = nil
      do {
        try makeReady(folder)
        if let match = place.match { noteHit(match, of: request.tokens) }
        return folder
      } catch let failure as AgreedFailure {
        // Another job writes there, or was faster in taking it away; or the disk refuses.
        if place.match != nil, let folder {
          try refuse(folder, because: failure.failure, &refusals)
        } else {
          folder?.giveUp(job)
          refusals.isUnsaved = true
          warnings.add("the context is not saved in the cache: \(failure.failure.sentence)")
        }
      }
    }
  }

  /// Looks for what the cache has of a context, and removes what is damaged.
  ///
  /// - Returns: on rank 0; nil where the cache cannot be looked at any more, and on the other ranks.
  private func find(
    in cache: ContextCache, _ description: ContextDescription, for request: ContextRequest,
    _ refusals: CacheRefusals
  ) throws -> ContextCache.Finding? {
    var found: ContextCache.Finding?
    try job.runOnRoot {
      do {
        let rotations = request.model.configuration
        found = try job.onAnotherThread {
          try cache.find(
            request.input.context, of: description, excluding: refusals.paths
          ) { rotations.rotates(request.tokens, as: $0) }
        }
      } catch {
        warnings.add("the cache is not used: \(error)")
      }
      for (path, error) in found?.problems ?? [] {
        removeDamaged(ContextDirectory(path: path), of: cache, because: "\(error)")
      }
    }
    return found
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
      try description.checkLength()
      try job.onAnotherThread {
        try cache.makeRoom(bytes: bytes, as: .ofThisProcess)
        try cache.directory.checkRoom(bytes: bytes)
      }
    } catch {
      warnings.add("the context is not saved in the cache: \(Failure(error).sentence)")
      return nil
    }
    return cache.newEntry().path
  }

  /// Says that an entry could not be used, sees to it that it is not found again in this run, and removes it
  /// where it is damaged. Every rank calls this.
  ///
  /// - Throws: `MPIError`.
  func refuse(
    _ folder: ContextFolder, because failure: Failure, _ refusals: inout CacheRefusals
  ) throws {
    guard let cache = folder.cache else { preconditionFailure("an entry is in a cache") }
    let entry = folder.base?.directory ?? folder.directory
    refusals.paths.insert(entry.path)
    folder.giveUp(job)
    // One rank alone may have failed to read it.
    let isDamaged = try job.onRoot {
      guard [.badData, .noInput].contains(failure.exitCode) else { return false }
      return try job.onAnotherThread {
        do throws(FileError) {
          try entry.verify(try entry.manifest())
          return false
        } catch {
          return error.isDamage
        }
      }
    }
    if isDamaged {
      removeDamaged(entry, of: cache, because: failure.sentence)
    } else {
      warnings.add("what the cache has in '\(entry.path)' is not used: \(failure.sentence)")
    }
  }

  private func removeDamaged(
    _ entry: ContextDirectory, of cache: ContextCache, because reason: String
  ) {
    warnings.add("what the cache has in '\(entry.path)' is damaged and not used: \(reason)")
    guard job.isRoot else { return }
    let isRemoved = try? job.onAnotherThread { try cache.remove(entry, as: .ofThisProcess) }
    guard isRemoved != true, FilePath(text: entry.path).exists else { return }
    warnings.add("'\(entry.path)' could not be removed from the cache; remove it")
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
      let trimmed = try job.onAnotherThread { try cache.trim(as: .ofThisProcess) }
      guard trimmed.entries > 0 else { return }
      logger.info(
        "removed \(trimmed.entries) entries of the cache, \(decimalSize(trimmed.bytes)) came free")
    } catch {
      warnings.add("the cache could not be kept within its size: \(error)")
    }
  }
}
