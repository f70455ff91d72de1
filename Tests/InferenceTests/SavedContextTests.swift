import ContextFiles
import Files
import Foundation
import Inference
import Kernels
import MPI
import RingAttention
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// Saving on all ranks and on one, restoring on one and on all: the files are the same to the last
  /// byte whoever writes them, so what one number of ranks saves any other reads.
  @Suite @MPIThread struct SavedContextTests {
    private let arithmetic = highestArithmetics(threads: 2).last!

    private func model() throws -> Model {
      let model = try RandomModel(
        RandomModel.sampleConfiguration(), seed: 11, standardDeviation: 0.08)
      let folder = try ModelFolder()
      try folder.write(configuration: model.configuration.json, tensors: model.tensors)
      return try folder.load(arithmetic.precision)
    }

    private func session(
      _ model: Model, _ communicator: Communicator, _ partition: PartitionKind, tokens: Int
    ) -> Session {
      Session(
        model: model,
        SequenceDescription(partition: partition, contextTokens: tokens, maximumAppended: 40),
        communicator: communicator, arithmetic: arithmetic)
    }

    private func saved(
      _ session: Session, _ tokens: [Int32], in path: String, restored: ContextManifest? = nil,
      extending base: FinishedContext? = nil
    ) -> SavedContext {
      let configuration = session.model.configuration
      var description = ContextDescription(
        version: "test",
        model: .init(name: "m", path: "m", identity: "m", randomWeights: false),
        precision: arithmetic.precision.rawValue,
        instructionSet: arithmetic.instructionSet.rawValue,
        layout: .init(model: configuration, arithmetic: arithmetic),
        layers: configuration.layers.count, tokens: tokens.count, chat: nil)
      description.base =
        base?.base(
          tokens: base!.manifest.description.tokens, rotationTokens: tokens.count)
        ?? restored?.description.base
      return SavedContext(
        of: session, description, tokens: tokens, in: ContextDirectory(path: path),
        restored: restored, extending: base)
    }

    /// What the program does on all ranks.
    private func save(_ saved: SavedContext, _ communicator: Communicator) throws {
      try saved.write()
      try communicator.barrier()
      if let manifest = try saved.collectManifest(prefillMilliseconds: 7) {
        try saved.directory.commit(
          manifest, replacing: saved.directory.isSaved ? saved.directory.manifest() : nil)
      }
      try communicator.barrier()
    }

    /// The bits of all logits of an answer, on rank 0 of the session's communicator.
    private func answer(_ session: Session) throws -> [UInt32] {
      var bits: [UInt32] = []
      _ = try session.answer([
        Question(
          prompt: sampleTokens(
            20, vocabulary: session.model.configuration.vocabulary.size, seed: 8),
          maximumTokens: 5)
      ]) {
        bits += $1.map(\.bitPattern)
      } onToken: { _, _ in
        true
      } onEnd: { _, _ in
      }
      return bits
    }

    /// The path of a new folder, the same on every rank, that is removed in the end.
    private func withFolder(_ body: (String) throws -> Void) throws {
      let own = NSTemporaryDirectory() + "ringflash-\(UUID().uuidString)"
      let path = String(decoding: try world.fromRank0 { Array(own.utf8) }, as: UTF8.self)
      if world.rank == 0 {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      }
      try world.barrier()
      defer { if world.rank == 0 { try? FileManager.default.removeItem(atPath: path) } }
      try body(path)
      try world.barrier()
    }

    /// All files under a folder with their bytes.
    private func files(_ path: String) throws -> [String: Data] {
      var files: [String: Data] = [:]
      for name in try FileManager.default.subpathsOfDirectory(atPath: path) {
        files[name] = FileManager.default.contents(atPath: "\(path)/\(name)")
      }
      return files
    }

    @Test(arguments: [1, 256, 700, 1100])
    func anyRanksReadWhatOthersSaved(count: Int) throws {
      try world.barrier()  // starts MPI where no test has yet
      try expectAnyRanksReadWhatOthersSaved(model(), count: count)
    }

    @Test func anyRanksReadWhatOthersSavedWithQuantizedWeights() throws {
      try world.barrier()
      try expectAnyRanksReadWhatOthersSaved(
        QuantizedModelFile("gemma3").load(arithmetic.precision), count: 300)
    }

    private func expectAnyRanksReadWhatOthersSaved(_ model: Model, count: Int) throws {
      let layers = model.configuration.layers.count
      let tokens = sampleTokens(count, vocabulary: model.configuration.vocabulary.size, seed: 5)
      let alone = try MPIEnvironment.communicatorOfThisRank()
      let whole = session(model, alone, .zigzag, tokens: count)
      try whole.prefill(tokens)
      let expected = try answer(whole)

      for stop in 1...layers {
        let label = "\(count) tokens, \(stop) of \(layers) layers"
        let kinds = PartitionKind.allCases
        let (first, second) = (kinds[stop % kinds.count], kinds[(stop + 1) % kinds.count])
        try withFolder { path in
          // All ranks save together, and rank 0 saves alone.
          let (together, single) = (path + "/together", path + "/single")
          if world.rank == 0 {
            try ContextDirectory(path: together).prepare()
            try ContextDirectory(path: single).prepare()
          }
          try world.barrier()
          @MPIThread func saveFirst(_ communicator: Communicator, _ path: String) throws {
            let session = session(model, communicator, first, tokens: count)
            let isFinished = try session.prefill(tokens, afterLayer: { $0 < stop })
            #expect(isFinished == (stop == layers), "\(label)")
            try save(saved(session, tokens, in: path), communicator)
          }
          try saveFirst(world, together)
          if world.rank == 0 {
            try saveFirst(alone, single)
            #expect(try files(together) == files(single), "\(label)")
          }
          try world.barrier()

          // Each rank alone goes on with what all saved, and all with what rank 0 saved.
          for (communicator, path) in [(alone, together), (world, single)] {
            let manifest = try ContextDirectory(path: path).manifest()
            #expect(manifest.finishedLayers == stop)
            let session = session(model, communicator, second, tokens: count)
            let context = saved(session, tokens, in: path, restored: manifest)
            #expect(try context.directory.readTokens(manifest) == tokens)
            try context.restore()
            #expect(session.context.finishedLayers == stop)
            let isFinished = try session.prefill(tokens)
            #expect(isFinished)
            #expect(session.context.prefillLinearFlops == 0 || stop < layers, "\(label)")
            // Only one may write on into one folder.
            if stop < layers, communicator === world { try save(context, world) }
            let bits = try answer(session)
            #expect(bits == (communicator.rank == 0 ? expected : []), "\(label)")
            try world.barrier()
          }
          guard stop < layers else { return }

          // What was finished by all ranks is what one rank finishes in one go.
          if world.rank == 0 {
            let once = path + "/once"
            try ContextDirectory(path: once).prepare()
            try save(saved(whole, tokens, in: once), alone)
            #expect(try files(single) == files(once), "\(label)")
          }
          try world.barrier()
        }
      }
    }

    @Test func aLayoutSaysWhatEachLayerHas() throws {
      try world.barrier()
      func layout(_ model: SampleModel) throws -> (ContextDescription.Layout, [Int]) {
        let configuration = try model.weights().configuration
        return (
          ContextDescription.Layout(model: configuration, arithmetic: arithmetic),
          configuration.layers.map { arithmetic.keyValueLayout($0.attention.shape).blockBytes }
        )
      }
      let (mixed, bytes) = try layout(.mixed)
      #expect(mixed.layers?.map(\.blockBytes) == bytes && Set(bytes).count > 1)
      #expect(mixed.layers?.map(\.queryHeads) == [4, 6, 3])
      #expect(mixed.layers?.map(\.headDimension) == [32, 64, 20])
      let (alike, ofAll) = try layout(.narrow)
      #expect(alike.layers == nil && alike.blockBytes(layers: 4) == ofAll.reduce(0, +))
    }

    /// A context behind a base that ends between two blocks or in one: what is restored of either, by
    /// any ranks, is what was computed.
    @Test(arguments: [(256, 257), (300, 1100), (700, 760), (1024, 1100)])
    func aContextThatExtendsAnother(baseTokens: Int, count: Int) throws {
      try world.barrier()
      let model = try model()
      let layers = model.configuration.layers.count
      let tokens = sampleTokens(count, vocabulary: 300, seed: 5)
      let alone = try MPIEnvironment.communicatorOfThisRank()
      let front = session(model, alone, .zigzag, tokens: baseTokens)
      try front.prefill(Array(tokens[..<baseTokens]))
      let whole = session(model, alone, .zigzag, tokens: count)
      try whole.prefill(tokens)
      let expected = try answer(whole)

      /// Expects the base's keys and values of all layers, and of the rest those of so many.
      func expectRestored(_ session: Session, layers finished: Int, _ label: String) {
        #expect(session.context.finishedLayers == finished, "\(label)")
        for (index, block) in session.context.ownContextBlocks.enumerated() {
          for layer in 0..<layers {
            let isWhole = block < baseTokens / tokensPerBlock || layer < finished
            guard isWhole || block * tokensPerBlock < baseTokens else { continue }
            let right = (isWhole ? whole : front).context.keyValues(ofBlock: block, layer: layer)
            let restored = session.context.keyValues(ofBlock: index, layer: layer)
            #expect(restored.elementsEqual(right), "\(label), block \(block), layer \(layer)")
          }
        }
      }

      try withFolder { path in
        let saving = session(model, world, .striped, tokens: baseTokens)
        if world.rank == 0 { try ContextDirectory(path: path + "/base").prepare() }
        try world.barrier()
        try saving.prefill(Array(tokens[..<baseTokens]))
        try save(saved(saving, Array(tokens[..<baseTokens]), in: path + "/base"), world)
        let directory = ContextDirectory(path: path + "/base")
        let base = try FinishedContext(directory, directory.manifest())

        // Without being saved.
        let unsaved = session(model, world, .zigzag, tokens: count)
        try saved(unsaved, tokens, in: path + "/base", extending: base).restore()
        expectRestored(unsaved, layers: 0, "unsaved")

        for stop in 1...layers {
          let label = "\(baseTokens) of \(count) tokens, \(stop) of \(layers) layers"
          let more = path + "/more\(stop)"
          if world.rank == 0 {
            try ContextDirectory(path: more).prepare(
              extending: base, tokens: base.manifest.description.tokens)
          }
          try world.barrier()
          let session = session(model, world, .contiguous, tokens: count)
          let context = saved(session, tokens, in: more, extending: base)
          #expect(context.canBeRestored)
          try context.restore()
          expectRestored(session, layers: 0, label)
          try session.prefill(tokens, afterLayer: { $0 < stop })
          try save(context, world)

          let manifest = try ContextDirectory(path: more).manifest()
          #expect(manifest.finishedLayers == stop && manifest.isFinished == (stop == layers))
          if world.rank == 0 { try ContextDirectory(path: more).verify(manifest) }
          let second = self.session(model, world, .zigzag, tokens: count)
          let restored = saved(second, tokens, in: more, restored: manifest)
          try restored.restore()
          expectRestored(second, layers: stop, label)
          guard stop == layers else { continue }
          try second.prefill(tokens)
          #expect(try answer(second) == (world.rank == 0 ? expected : []), "\(label)")
        }
        try world.barrier()
      }
    }

    /// Several checkpoints of one run, each appended to the one before it.
    @Test func checkpointsOfOneRun() throws {
      try world.barrier()
      let model = try model()
      let tokens = sampleTokens(600, vocabulary: 300, seed: 5)
      try withFolder { path in
        let path = path + "/saved"
        if world.rank == 0 { try ContextDirectory(path: path).prepare() }
        try world.barrier()
        let session = session(model, world, .zigzag, tokens: 600)
        let context = saved(session, tokens, in: path)
        try session.prefill(
          tokens,
          afterLayer: { finished in
            try save(context, world)
            #expect(try ContextDirectory(path: path).manifest().finishedLayers == finished)
            try world.barrier()
            return true
          })
        try save(context, world)
        let restoredSession = self.session(model, world, .striped, tokens: 600)
        let manifest = try ContextDirectory(path: path).manifest()
        #expect(manifest.isFinished)
        try saved(restoredSession, tokens, in: path, restored: manifest).restore()
        try restoredSession.prefill(tokens)
        #expect(try answer(restoredSession) == answer(session))
      }
    }

    /// Only the rank that owns a damaged block hears of it.
    @Test func aDamagedBlock() throws {
      try world.barrier()
      let model = try model()
      let tokens = sampleTokens(1100, vocabulary: 300, seed: 5)
      try withFolder { path in
        let path = path + "/saved"
        if world.rank == 0 { try ContextDirectory(path: path).prepare() }
        try world.barrier()
        let session = session(model, world, .zigzag, tokens: 1100)
        try session.prefill(tokens)
        try save(saved(session, tokens, in: path), world)
        if world.rank == 0 {
          let block = URL(fileURLWithPath: path + "/blocks/000003.kv")
          var bytes = try Data(contentsOf: block)
          bytes[bytes.count / 2] ^= 4
          try bytes.write(to: block)
        }
        try world.barrier()
        let manifest = try ContextDirectory(path: path).manifest()
        let second = self.session(model, world, .contiguous, tokens: 1100)
        let context = saved(second, tokens, in: path, restored: manifest)
        if second.context.ownContextBlocks.contains(3) {
          let error = #expect(throws: FileError.self) { try context.restore() }
          #expect(error?.kind == .malformed && "\(error!)".contains("000003.kv"))
        } else {
          try context.restore()
        }
      }
    }
  }
}
