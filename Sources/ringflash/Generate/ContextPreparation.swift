import ContextFiles
import Inference
import Kernels
import MPI
import Reporting
import RingAttention
import Transformer

/// How the context gets into a session: restored, prefilled and saved, each as far as the settings
/// say. Every rank makes the same calls; what fails on one ends all alike.
final class ContextPreparation {
  private let job: Job
  private let settings: GenerateSettings
  private let timeline: Timeline
  private let display: ProgressDisplay
  /// Where the context is restored from or saved to; nil for neither.
  private let directory: ContextDirectory?
  private var description: ContextDescription?
  /// A signal that asks the job to end, where it can be noted what was done: in a saved context, or in
  /// a file of answers.
  private var interruption: Interruption?
  /// Whether the prefill keeps what it needs to stop at any moment.
  var isInterruptible: Bool { interruption != nil }

  private var manifest: ContextManifest? { settings.restored }
  /// Whether the folder is written to. A finished context is left as it is.
  private var saves: Bool { settings.save != nil || manifest?.isFinished == false }

  /// Checks the folder that the context will be saved in: hours of work are not lost to a wrong
  /// one.
  ///
  /// - Throws: `AgreedFailure` (74), `MPIError`.
  init(
    _ job: Job, _ settings: GenerateSettings, _ timeline: Timeline, _ display: ProgressDisplay
  ) throws {
    self.job = job
    self.settings = settings
    self.timeline = timeline
    self.display = display
    if case .saved(let path) = settings.context {
      directory = ContextDirectory(path: path)
    } else {
      directory = settings.save.map { ContextDirectory(path: $0) }
    }
    if directory != nil || settings.questions?.answers != nil {
      interruption = try job.interruption()
    } else {
      CaughtSignal.release()
    }
    guard saves, let directory else { return }
    let mark = try job.onRoot {
      if let manifest { try directory.prepareToGoOn(manifest) } else { try directory.prepare() }
      return try directory.mark()
    }
    defer { if job.isRoot { directory.unmark(mark) } }
    try job.onEveryRank { try directory.checkAccess(mark: mark, rank: job.rank) }
  }

  /// Describes the context that will be saved, or compares it with the one that is restored, and
  /// looks whether the disk has room. Does nothing where there is neither.
  ///
  /// - Parameter input: nil before it is read, when only what is restored can be described: ids of
  ///   another model would make no sense.
  /// - Throws: `AgreedFailure` (69, 74), `MPIError`.
  func describe(_ loaded: LoadedModel, _ arithmetic: Arithmetic, _ input: Input? = nil) throws {
    guard let directory, description == nil, manifest != nil || input != nil else { return }
    let identity = try job.modelIdentity(of: loaded, team: arithmetic.team)
    let outline = loaded.outline
    description = try job.onRoot {
      let description = ContextDescription(
        version: Version.string,
        model: .init(
          name: outline.name, path: ModelLocation.absolute(settings.model), identity: identity,
          randomWeights: settings.randomWeights),
        precision: settings.precision.rawValue,
        instructionSet: arithmetic.instructionSet.rawValue,
        layout: .init(model: outline.configuration, arithmetic: arithmetic),
        layers: outline.configuration.layers.count,
        tokens: manifest?.description.tokens ?? input?.context.count ?? 0, chat: input?.chat)
      try manifest?.description.check(against: description, path: directory.path)
      if saves { try checkRoom(description, directory) }
      return manifest?.description ?? description
    }
  }

  private func checkRoom(
    _ description: ContextDescription, _ directory: ContextDirectory
  ) throws {
    guard description.blocks <= ContextManifest.mostBlocks else {
      throw Failure(
        .badData,
        """
        a saved context has up to \(ContextManifest.mostBlocks * tokensPerBlock) tokens, this one \
        has \(description.tokens); leave out --save
        """)
    }
    let layers = description.layers - (manifest?.finishedLayers ?? 0)
    // The activations of a checkpoint are written before those of the one before it are removed.
    let checkpoints =
      settings.checkpointMinutes == nil
      ? 0 : (manifest == nil ? 2 : 1) * description.activationBytes
    try directory.checkRoom(
      bytes: description.keyValueBytes(layers: layers) + checkpoints
        + description.tokens * MemoryLayout<Int32>.stride + 1 << 20)
  }

  // MARK: - The work

  /// Afterwards the session has the whole context.
  ///
  /// - Throws: `AgreedFailure`, with 75 where the prefill was interrupted; `MPIError`.
  func run(
    _ session: Session, _ tokens: [Int32], _ memory: PrivateMemory, _ stages: inout StageClock
  ) throws {
    // The prefill keeps the closure that saves, so it cannot have the caller's.
    var clock = stages
    defer { stages = clock }
    let saved = description.map {
      SavedContext(of: session, $0, tokens: tokens, in: directory!, restored: manifest)
    }
    if let saved, manifest != nil {
      try restore(saved)
      clock.restore = clock.lap()
    }
    let began = ContinuousClock.now
    var savedLayers = session.stack.finishedLayers
    let layers = session.model.configuration.layers.count
    /// Saves what is there; counted apart from the prefill.
    func checkpoint() throws {
      guard let saved else { return }
      clock.prefill += clock.lap()
      try save(saved, prefillSeconds: clock.prefill)
      clock.save += clock.lap()
      savedLayers = session.stack.finishedLayers
    }
    var lastSave = began
    let isFinished = try prefill(session, tokens, memory) { finished in
      guard let minutes = self.settings.checkpointMinutes else { return true }
      let isDue = try self.job.communicator.broadcast(
        value: (ContinuousClock.now - lastSave).seconds >= 60 * minutes, from: 0)
      guard isDue else { return true }
      try checkpoint()
      lastSave = .now
      self.display.note(
        "checkpoint: \(finished) of \(layers) layers are saved in \(self.directory!.path)")
      return true
    }
    if saves, session.stack.finishedLayers > savedLayers {
      display.end()
      display.begin("save", unit: "block", total: description!.blocks, tokens: 0)
      try checkpoint()
      display.update(completed: Double(description!.blocks))
    }
    display.end()
    clock.prefill += clock.lap()
    if !isFinished { throw try interruptedPrefill(savedLayers, of: layers) }
  }

  /// - Returns: whether the prefill is finished.
  private func prefill(
    _ session: Session, _ tokens: [Int32], _ memory: PrivateMemory,
    afterLayer: @escaping (Int) throws -> Bool
  ) throws -> Bool {
    let layers = session.model.configuration.layers.count
    let rest = layers - session.stack.finishedLayers
    if rest > 0 {
      display.begin(
        "prefill", unit: "layer", total: rest, tokens: tokens.count * rest / layers)
    }
    return try timeline.measured("prefill", on: job) {
      let display = display
      var firstFraction: Double?
      var currentLayer = layers - rest
      let isFinished = try session.prefill(
        tokens,
        onProgress: { layer, fraction in
          let first = firstFraction ?? fraction
          firstFraction = first
          display.update(completed: (fraction - first) / (1 - first) * Double(rest))
          // In the first layer, all memory that the others use has been written.
          if layer > currentLayer { memory.sample() }
          currentLayer = layer
        }, interruption: interruption, afterLayer: afterLayer)
      display.update(completed: Double(rest - layers + session.stack.finishedLayers))
      memory.sample()
      return isFinished
    }
  }

  private func restore(_ saved: SavedContext) throws {
    let blocks = Double(saved.description.blocks)
    display.begin("restore", unit: "block", total: saved.description.blocks, tokens: 0)
    let display = display
    try timeline.measured("restore", on: job) {
      try job.onEveryRank {
        try saved.restore { fraction in display.update(completed: fraction * blocks) }
      }
    }
    display.update(completed: blocks)
    display.end()
  }

  /// Writes what has been computed since the last time. Only when every rank has brought its part to
  /// the disk does rank 0 put the manifest into its place.
  private func save(_ saved: SavedContext, prefillSeconds: Double) throws {
    try timeline.measured("save", on: job) {
      try job.onEveryRank { try saved.write() }
      let before = manifest?.prefillMilliseconds ?? 0
      let whole = try saved.collectManifest(
        prefillMilliseconds: before + Int(prefillSeconds * 1000))
      try job.onEveryRank {
        if let whole { try saved.directory.commit(whole) }
      }
    }
  }

  // MARK: - Interruption

  /// Whether a signal asks for the job's end; asked on rank 0 between the steps of an answer.
  func isInterrupted() -> Bool {
    interruption?.poll()
    return interruption?.isRequested ?? false
  }

  /// Why an answer was given up. Every rank calls this.
  ///
  /// - Throws: `MPIError`.
  func interruptedAnswer() throws -> AgreedFailure {
    let path = directory?.path ?? ""
    return AgreedFailure(
      failure: Failure(
        .interrupted,
        """
        interrupted by \(try job.interruptionName()) in the answer: the whole context is saved in \
        '\(path)'; give --resume \(path) to ask again
        """))
  }

  private func interruptedPrefill(_ saved: Int, of layers: Int) throws -> AgreedFailure {
    let path = directory?.path ?? ""
    let what = "interrupted by \(try job.interruptionName()) in the prefill"
    return AgreedFailure(
      failure: Failure(
        .interrupted,
        saved > 0
          ? """
          \(what): \(saved) of \(layers) layers are saved in '\(path)'; give --resume \(path) to go on
          """ : "\(what), and nothing of it is saved; start the job again"))
  }
}
