import ContextFiles
import Inference
import Ranks
import Reporting

/// Saves a context while it is prefilled, and what is left of it in the end. Every rank makes the same
/// calls; they throw `AgreedFailure` (74) and `MPIError`.
final class Checkpoints {
  private let saved: SavedContext
  private let folder: ContextFolder
  /// What the folder's manifest is, on rank 0.
  private var committed: ContextManifest?
  private let session: Session
  private let run: GenerateJob
  private var lastSave = ContinuousClock.now
  /// Whether nothing is saved any more: what a cache cannot keep does not end the run.
  private(set) var isGivenUp = false
  /// How many layers have been saved, or were restored.
  private(set) var savedLayers: Int

  init(of session: Session, in saved: SavedContext, _ folder: ContextFolder, _ run: GenerateJob) {
    self.session = session
    self.saved = saved
    self.folder = folder
    committed = saved.restored
    self.run = run
    savedLayers = session.context.finishedLayers
  }

  var path: String { saved.directory.path }

  /// Saves, after a layer, if the last time is as long ago as the settings say.
  func saveIfDue() throws {
    guard let minutes = run.settings.checkpointMinutes, !isGivenUp else { return }
    let isDue = try run.job.communicator.broadcast(
      value: (ContinuousClock.now - lastSave).seconds >= 60 * minutes, from: 0)
    guard isDue else { return }
    try save()
    lastSave = .now
    guard !isGivenUp else { return }
    run.display.note(
      "checkpoint: \(savedLayers) of \(saved.description.layers) layers are saved in \(path)")
  }

  /// Saves what the prefill has computed since the last time, if anything.
  func saveRest() throws {
    guard session.context.finishedLayers > savedLayers, !isGivenUp else { return }
    let blocks = saved.description.blocks - saved.description.baseBlocks
    run.display.end()
    run.display.begin("save", unit: "block", total: blocks, tokens: 0)
    try save()
    run.display.update(completed: Double(blocks))
  }

  /// Writes what has been computed since the last time. Only when every rank has brought its part to
  /// the disk does rank 0 put the manifest into its place.
  private func save() throws {
    run.clock.end(\.prefill)
    do {
      try run.timeline.stage("save", write)
      savedLayers = session.context.finishedLayers
    } catch let failure as AgreedFailure {
      guard folder.cache != nil else { throw failure }
      isGivenUp = true
      run.warnings.add("the context is not saved in the cache: \(failure.failure.sentence)")
      if run.job.isRoot { folder.giveUp(as: run.leaseHolder) }
    }
    run.clock.end(\.save)
  }

  private func write() throws {
    let job = run.job
    try job.onEveryRank { try saved.write() }
    let before = saved.restored?.prefillMilliseconds ?? 0
    let whole = try saved.collectManifest(
      prefillMilliseconds: before + Int(run.clock.seconds.prefill * 1000))
    try job.onEveryRank {
      if let whole { try folder.commit(whole, replacing: committed) }
    }
    committed = whole
  }
}
