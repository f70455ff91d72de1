import ContextFiles
import Inference
import Kernels
import MPI
import Ranks
import Reporting
import Transformer

// How the context gets into a session: restored, prefilled and saved, each as far as the settings say.
// Every rank makes the same calls; what fails on one ends all alike.

extension GenerateJob {
  /// The folder of the context, if it is restored or saved, ready to be written where it will be: hours
  /// of work are not lost to a wrong one.
  ///
  /// - Throws: `AgreedFailure` (74), `MPIError`.
  func openContextFolder(_ arithmetic: Arithmetic) throws -> ContextFolder? {
    let folder = try job.onEveryRank { try ContextFolder(settings, arithmetic) }
    try makeReady(folder)
    return folder
  }

  /// Makes a folder ready to be written where it will be, and sees whether all ranks can.
  ///
  /// - Throws: `AgreedFailure` (74), `MPIError`.
  func makeReady(_ folder: ContextFolder?) throws {
    guard let folder, folder.isWritten else { return }
    do {
      // It may have to wait until another job has given up its lease.
      let mark = try job.onRoot {
        try job.onAnotherThread { [logger, leaseHolder] in
          try folder.prepare(as: leaseHolder) { former in
            logger.warning(
              """
              process \(former.process) on \(former.host) was writing in '\(folder.directory.path)'; \
              waiting up to a minute for a sign of life of it
              """)
          }
        }
      }
      defer { if job.isRoot { folder.directory.unmark(mark) } }
      try job.onEveryRank { try folder.directory.checkAccess(mark: mark, rank: job.rank) }
    } catch {
      folder.release()
      throw error
    }
  }

  /// Says of what a context is that is restored, after a comparison with this run; nil where none is. One
  /// that is extended is only compared.
  ///
  /// - Throws: `AgreedFailure` (69, 74), `MPIError`.
  func describeRestored(
    _ folder: ContextFolder?, _ agreement: ModelAgreement, _ arithmetic: Arithmetic
  ) throws -> ContextDescription? {
    guard let folder, let saved = folder.restored ?? folder.base?.manifest else { return nil }
    let description = try describe(
      agreement, arithmetic, tokens: saved.description.tokens, chat: nil)
    let checked = try job.onRoot { try folder.checked(description) }
    return folder.restored == nil ? nil : checked
  }

  /// Describes a context that is saved, or that extends another; nil where it is neither.
  ///
  /// - Parameter description: of the context, without a base.
  /// - Throws: `AgreedFailure` (65, 69, 74), `MPIError`.
  func describeNew(
    _ folder: ContextFolder?, _ description: @autoclosure () throws -> ContextDescription
  ) throws -> ContextDescription? {
    guard let folder else { return nil }
    var description = try description()
    description.base = folder.sequenceBase.flatMap { base in
      folder.base?.base(tokens: base.tokens, rotationTokens: base.rotationTokens)
    }
    return try job.onRoot { try folder.checked(description) }
  }

  /// Describes a context that begins by itself.
  func describe(
    _ agreement: ModelAgreement, _ arithmetic: Arithmetic, tokens: Int,
    chat: ContextDescription.Chat?
  ) throws -> ContextDescription {
    let identity = try agreement.identity()
    let outline = agreement.model
    return try job.onRoot {
      ContextDescription(
        version: Version.string,
        model: .init(
          name: outline.name, path: settings.model.absoluteName, identity: identity,
          randomWeights: settings.randomWeights),
        precision: settings.numerics.name,
        instructionSet: arithmetic.instructionSet.rawValue,
        layout: .init(model: outline.configuration, arithmetic: arithmetic),
        layers: outline.configuration.layers.count, tokens: tokens, chat: chat)
    }
  }

  /// Afterwards the session has the whole context, and so has its folder.
  ///
  /// - Parameter tokens: all of the context's.
  /// - Throws: `AgreedFailure`, with 75 where the prefill was interrupted; `MPIError`.
  func prefillContext(
    _ context: RestoredContext, tokens: [Int32], _ interruption: Interruption?
  ) throws {
    let session = context.session
    let checkpoints = context.saved.flatMap { saved in
      context.path == nil ? nil : Checkpoints(of: session, in: saved, context.folder!, self)
    }
    let isFinished = try interruptibly(interruption) {
      let isFinished = try prefill(
        session, tokens, logitsOf: settings.logitsAll ? .all : .last, interruption
      ) { _ in
        try checkpoints?.saveIfDue()
        return true
      }
      try checkpoints?.saveRest()
      return isFinished
    }
    display.end()
    clock.end(\.prefill)
    if !isFinished { throw try interrupted(session, checkpoints) }
    // From now on it is only read.
    context.folder?.release()
    trimCache()
    if let checkpoints, !checkpoints.isGivenUp {
      job.adviceOnInterruption =
        "the context is saved in '\(checkpoints.path)', go on with --resume \(checkpoints.path)"
    }
  }

  /// Reads what is there of a context.
  func restore(_ saved: SavedContext) throws {
    let blocks = Double(saved.description.blocks)
    display.begin("restore", unit: "block", total: saved.description.blocks, tokens: 0)
    let display = display
    try timeline.stage("restore") {
      try job.onEveryRank {
        try saved.restore { fraction in display.update(completed: fraction * blocks) }
      }
    }
    display.update(completed: blocks)
    display.end()
  }

  /// Prefills what is left of a context.
  ///
  /// - Returns: whether it is finished.
  func prefill(
    _ session: Session, _ tokens: [Int32], logitsOf positions: ContextPositions,
    _ interruption: Interruption? = nil,
    afterLayer: @escaping (Int) throws -> Bool = { _ in true }
  ) throws -> Bool {
    let layers = session.model.configuration.layers.count
    let rest = layers - session.context.finishedLayers
    if rest > 0 {
      display.begin(
        "prefill", unit: "layer", total: rest,
        tokens: (tokens.count - session.context.baseTokens) * rest / layers)
    }
    return try timeline.stage("prefill") {
      let (display, memory) = (display, memory)
      var firstFraction: Double?
      var currentLayer = layers - rest
      let isFinished = try session.prefill(
        tokens, logitsOf: positions,
        onProgress: { layer, fraction in
          let first = firstFraction ?? fraction
          firstFraction = first
          display.update(completed: (fraction - first) / (1 - first) * Double(rest))
          // In the first layer, all memory that the others use has been written.
          if layer > currentLayer { memory.sample() }
          currentLayer = layer
        }, interruption: interruption, afterLayer: afterLayer)
      display.update(completed: Double(rest - layers + session.context.finishedLayers))
      memory.sample()
      return isFinished
    }
  }

  private func interrupted(
    _ session: Session, _ checkpoints: Checkpoints?
  ) throws -> AgreedFailure {
    let what = "interrupted by \(try job.interruptionName()) in the prefill"
    guard let checkpoints, !checkpoints.isGivenUp, checkpoints.savedLayers > 0 else {
      return AgreedFailure(
        failure: Failure(
          .interrupted, "\(what), and nothing of it is saved; start the job again"))
    }
    let layers = session.model.configuration.layers.count
    let path = checkpoints.path
    return AgreedFailure(
      failure: Failure(
        .interrupted,
        """
        \(what): \(checkpoints.savedLayers) of \(layers) layers are saved in '\(path)'; \
        \(settings.cache == nil ? "give --resume \(path)" : "start the job again") to go on
        """))
  }

  /// All of the context's logits, where they are wanted.
  ///
  /// - Throws: `MPIError`; on rank 0 `FileError`.
  func writeContextLogits(of session: Session, to outputs: OutputFiles?) throws {
    try outputs?.logits?.begin(vocabulary: session.model.configuration.vocabulary.size)
    guard settings.logitsAll else { return }
    try WorkLocation.within(stage: "prefill") {
      try session.forEachContextLogits { rows in try outputs?.logits?.append(rows) }
    }
  }
}
