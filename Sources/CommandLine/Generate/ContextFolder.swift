import ContextFiles
import Files
import Foundation
import Inference
import Kernels
import MPI
import Ranks
import Transformer

/// The folder that the context is restored from, or saved to, and what it extends. The same on every rank,
/// but for what rank 0 holds of it.
final class ContextFolder {
  /// That of `base` where a context extends another and is not saved.
  let directory: ContextDirectory
  /// What is there; nil where the context is new.
  let restored: ContextManifest?
  /// What a new context goes on behind; nil where it begins by itself.
  let base: FinishedContext?
  /// What of `base`, or of the base of what is restored, is not computed again; nil for nothing.
  let sequenceBase: SequenceBase?
  /// Whether it is written to. A finished context is left as it is.
  let isWritten: Bool
  /// The cache that it belongs to. What goes wrong with it then does not end the run.
  let cache: ContextCache?
  /// On rank 0, for as long as an entry of the cache is read.
  private var reading: ContextReading?
  /// On rank 0, where it is written to.
  private(set) var lease: ContextLease?
  /// Whether nothing is saved there any more: what a cache cannot keep does not end the run.
  private(set) var isGivenUp = false
  /// Whether the prefill is saved from time to time.
  private let hasCheckpoints: Bool

  /// Nil where the context is neither restored nor saved.
  ///
  /// - Throws: `FileError` if a context is to be extended that is not finished.
  init?(_ settings: GenerateSettings, _ arithmetic: Arithmetic) throws(FileError) {
    hasCheckpoints = settings.checkpointMinutes != nil
    cache = nil
    if case .saved(let path) = settings.context, !settings.appended.isEmpty {
      let base = try FinishedContext(ContextDirectory(path: path), settings.restored!)
      directory = settings.save.map { ContextDirectory(path: $0) } ?? base.directory
      isWritten = settings.save != nil
      restored = nil
      self.base = base
      let description = base.manifest.description
      sequenceBase = SequenceBase(
        tokens: description.tokens, rotationTokens: description.rotationTokens,
        passed: settings.passed, arithmetic)
      return
    }
    guard let path = settings.contextFolder else { return nil }
    directory = ContextDirectory(path: path)
    restored = settings.restored
    isWritten = restored?.isFinished != true
    base = nil
    sequenceBase = restored?.sequenceBase(arithmetic)
  }

  /// What a cache has for a context, and where the context will be in it; the same on every rank.
  struct CachedPlace: Codable {
    let match: ContextCache.Match?
    /// Of a new entry; nil where the context is not saved.
    let newPath: String?
  }

  /// Nil where a cache has nothing of the context, and it is not saved there.
  ///
  /// - Parameter reading: of what was found, on rank 0.
  /// - Throws: `FileError`.
  init?(
    _ place: CachedPlace, in cache: ContextCache, reading: ContextReading?,
    hasCheckpoints: Bool, _ arithmetic: Arithmetic
  ) throws(FileError) {
    self.hasCheckpoints = hasCheckpoints
    self.cache = cache
    self.reading = reading
    let match = place.match
    if let match, match.isWhole {
      directory = match.directory
      restored = match.manifest
      isWritten = !match.manifest.isFinished
      base = nil
      sequenceBase = match.manifest.sequenceBase(arithmetic)
      return
    }
    guard match != nil || place.newPath != nil else { return nil }
    restored = nil
    base = try match.map { match throws(FileError) in
      try FinishedContext(match.directory, match.manifest)
    }
    sequenceBase = match.flatMap {
      SequenceBase(
        tokens: $0.tokens, rotationTokens: $0.manifest.description.rotationTokens, arithmetic)
    }
    directory = place.newPath.map { ContextDirectory(path: $0) } ?? match!.directory
    isWritten = place.newPath != nil
  }

  /// Whether all that is computed will be there in the end.
  var isSaved: Bool { !isGivenUp && (isWritten || base == nil) }

  /// Takes its lease, makes it ready to be written, and leaves a mark in it; on rank 0.
  ///
  /// - Parameter onWait: called before up to a minute is waited for a job on another host.
  /// - Returns: what other ranks find the mark by.
  /// - Throws: `FileError`.
  func prepare(
    as holder: ContextLease.Holder, onWait: (_ former: ContextLease.Holder) -> Void
  ) throws -> String {
    if restored == nil { try directory.makeFolder() }
    let lease = try ContextLease(of: directory, for: holder, onWait: onWait)
    self.lease = lease
    if let restored {
      try directory.checkUnchanged(since: restored)
      try directory.prepareToGoOn(restored)
    } else if let base, let sequenceBase {
      try directory.prepare(extending: base, tokens: sequenceBase.tokens)
    } else {
      try directory.prepare()
    }
    return try directory.mark()
  }

  /// Puts a manifest into its place, on rank 0.
  ///
  /// - Parameter former: what it replaces; nil for none.
  /// - Throws: `FileError`, also if another job writes here.
  func commit(_ manifest: ContextManifest, replacing former: ContextManifest?) throws {
    try lease?.check()
    try directory.commit(manifest, replacing: former)
  }

  /// Lets other jobs write here.
  func release() {
    lease?.release()
    lease = nil
    reading = nil
  }

  /// Writes no more, on every rank; on rank 0, removes what is there that no checkpoint has.
  func giveUp(_ job: Job) {
    isGivenUp = true
    release()
    guard job.isRoot, isWritten, !directory.isSaved, let cache else { return }
    _ = try? job.onAnotherThread { [directory] in
      try cache.remove(directory, as: .ofThisProcess)
    }
  }

  /// Compares what is restored with the context that this run would describe, and looks whether the
  /// disk has room for what will be saved.
  ///
  /// - Returns: what the context is of, with the names of the run that began it.
  /// - Throws: `FileError`; 65 for a context that is too long.
  func checked(_ description: ContextDescription) throws -> ContextDescription {
    try restored?.description.check(against: description, path: directory.path)
    try base?.manifest.description.check(against: description, path: base!.directory.path)
    if isWritten {
      try description.checkLength()
      // A cache has made room.
      if cache == nil { try checkRoom(for: description) }
    }
    return restored?.description ?? description
  }

  /// The files of a session's context.
  ///
  /// - Parameters:
  ///   - description: what it is of, once it is known.
  ///   - tokens: all of the context's.
  func context(
    of session: Session, _ description: ContextDescription?, tokens: [Int32]
  ) -> SavedContext {
    guard let description else { preconditionFailure("a context is described before the work") }
    return SavedContext(
      of: session, description, tokens: tokens, in: directory, restored: restored,
      extending: sequenceBase == nil ? nil : base)
  }

  private func checkRoom(for description: ContextDescription) throws {
    try directory.checkRoom(
      bytes: description.bytesToSave(
        layers: description.layers - (restored?.finishedLayers ?? 0),
        checkpoints: hasCheckpoints ? (restored == nil ? 2 : 1) : 0))
  }
}

extension ContextManifest {
  /// What of the context's base is not computed again where it is restored; nil for nothing.
  fileprivate func sequenceBase(_ arithmetic: Arithmetic) -> SequenceBase? {
    description.base.flatMap {
      SequenceBase(tokens: $0.tokens, rotationTokens: $0.rotationTokens, arithmetic)
    }
  }
}

extension ContextLease.Holder {
  /// To others that would write to the same context.
  static var ofThisProcess: ContextLease.Holder {
    .init(host: MPIEnvironment.processorName, process: Int(getpid()))
  }
}

extension ContextDescription {
  /// - Throws: 65 for more tokens than a saved context has.
  func checkLength() throws(Failure) {
    guard blocks > ContextManifest.mostBlocks else { return }
    throw Failure(
      .badData,
      """
      a saved context has up to \(ContextManifest.mostBlocks * tokensPerBlock) tokens, this one \
      has \(tokens); leave out --save
      """)
  }

  /// What saving so many layers of it takes.
  ///
  /// - Parameter checkpoints: whose activations are there at once: those of a checkpoint are written before
  ///   those of the one before it are removed.
  func bytesToSave(layers: Int, checkpoints: Int) -> Int {
    keyValueBytes(layers: layers) + checkpoints * activationBytes
      + tokens * MemoryLayout<Int32>.stride + 1 << 20
  }
}
