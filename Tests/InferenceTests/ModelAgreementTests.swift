import Foundation
import Inference
import Kernels
import MPI
import Ranks
import TestSupport
import Testing
import Transformer

extension RankTests {
  @Suite @MPIThread struct ModelAgreementTests {
    private let team = ThreadTeam(threads: 2, spins: 0)

    private func job() throws -> Job {
      try Job(
        world, describing: { $0 as? Failure ?? Failure(.badData, "\($0)") },
        reporting: { Issue.record("the job ends: \($0.sentence)") })
    }

    /// Calls `body` with what finds the identity of a model, the same on every rank.
    private func withJob(
      _ body: (_ identity: (ModelOutline, _ version: String) throws -> String) throws -> Void
    ) throws {
      let job = try job()
      try body { model, version in
        let agreement = ModelAgreement(on: model, version: version, job: job, team: team)
        try agreement.check()
        let identity = try agreement.identity()
        #expect(try agreement.identity() == identity)
        #expect(try world.broadcast(array: Array(identity.utf8), from: 0) == Array(identity.utf8))
        return identity
      }
      try job.finish()
    }

    private func folder(seed: UInt64 = 4) throws -> ModelFolder {
      let model = try RandomModel(RandomModel.sampleConfiguration(), seed: seed)
      let folder = try ModelFolder()
      try folder.write(configuration: model.configuration.json, tensors: model.tensors)
      return folder
    }

    private func outline(
      _ folder: ModelFolder, weights: WeightPlan.Origin = .files
    ) throws -> ModelOutline {
      try ModelOutline(folder.directory, precision: .bf16, weights: weights)
    }

    /// Every rank has a folder of its own, as on hosts that share none.
    @Test func itFollowsFromWhatTheFilesSayAndNotFromWhereTheyLie() throws {
      let (folder, copy, other) = (try folder(), try folder(), try folder(seed: 5))
      defer { withExtendedLifetime((folder, copy, other)) {} }
      try withJob { identity in
        let first = try identity(outline(folder), "1.0")
        #expect(first.count == 64)
        #expect(try identity(outline(copy), "1.1") == first)
        #expect(try identity(outline(other), "1.0") != first)

        let configuration = "\(copy.path)/config.json"
        let text = try String(contentsOfFile: configuration, encoding: .utf8) + "\n"
        try Data(text.utf8).write(to: URL(fileURLWithPath: configuration))
        #expect(try identity(outline(copy), "1.0") != first)
      }
    }

    @Test func modelsWithoutFilesAreKnownByHowTheyAreMade() throws {
      let folder = try folder()
      defer { withExtendedLifetime(folder) {} }
      try withJob { identity in
        let random = try identity(outline(folder, weights: .random), "1.0")
        #expect(try identity(outline(folder, weights: .random), "1.1") == random)
        #expect(try identity(outline(folder), "1.0") != random)
        let builtIn = try identity(.builtIn(), "1.0")
        #expect(try identity(.builtIn(), "1.0") == builtIn)
        #expect(try identity(.builtIn(), "1.1") != builtIn)
        let all = try NeedleModel.Variant.allCases.map { try identity(.builtIn($0), "1.0") }
        #expect(Set(all).count == all.count)
      }
    }

    /// Weights of the same size, and files of another one, in the last rank's folder.
    @Test(arguments: [true, false])
    func ranksOfAHostThatSeeOtherWeightsAreAFailure(isOfOneSize: Bool) throws {
      guard world.size > 1 else { return }
      let folder = try folder()
      defer { withExtendedLifetime(folder) {} }
      if world.rank == world.size - 1 {
        let tensors = URL(fileURLWithPath: "\(folder.path)/model.safetensors")
        var bytes = [UInt8](try Data(contentsOf: tensors))
        if isOfOneSize {
          bytes[bytes.count - 1] ^= 1
        } else {
          // The spaces belong to the header.
          let header = bytes[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
          bytes[..<8] =
            [UInt8](withUnsafeBytes(of: UInt64(header + 8).littleEndian, Array.init))[...]
          bytes.insert(contentsOf: [UInt8](repeating: 0x20, count: 8), at: 8 + header)
        }
        try Data(bytes).write(to: tensors)
      }
      let job = try job()
      let agreement = ModelAgreement(on: try outline(folder), version: "1.0", job: job, team: team)
      let error = #expect(throws: AgreedFailure.self) { try agreement.check() }
      #expect(error?.failure.exitCode == .unavailable)
      #expect(error?.failure.sentence.hasPrefix("rank \(world.size - 1) on ") == true)
      #expect(error?.failure.sentence.contains("its weights differ") == true)
      try job.finish()
    }
  }
}
