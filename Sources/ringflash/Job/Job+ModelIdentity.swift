import Digests
import Foundation
import Inference
import Kernels
import MPI
import ModelFiles
import Reporting
import Transformer

// A model is what its configuration and its weights say, wherever it lies: SHA-256 over config.json,
// and over the bytes of all files of weights. These are cut into pieces, which the ranks of a host and
// their threads share out, and the pieces' hashes are hashed again. So each host reads its files once,
// as the work would do anyway.

extension Job {
  /// Checks that every host has the model that rank 0 has.
  ///
  /// - Throws: `AgreedFailure` (69 where a host has another one), `MPIError`.
  func checkModel(_ model: LoadedModel, team: ThreadTeam) throws {
    // On one host all ranks read the same files.
    guard host.size < communicator.size else { return }
    _ = try modelIdentity(of: model, team: team)
  }

  /// What tells this model from every other one, 64 hexadecimal digits, the same on every rank and
  /// wherever the model lies. Every rank calls this.
  ///
  /// - Throws: as `checkModel`.
  func modelIdentity(of model: LoadedModel, team: ThreadTeam) throws -> String {
    if let identity { return identity.text }
    let own = try ModelIdentity(
      configuration: onEveryRank { try ModelIdentity.configuration(of: model.outline) },
      weights: weightsIdentity(of: model.outline, team: team))
    let first = try onRoot { own }
    let firstHost = try onRoot { MPIEnvironment.processorName }
    try onEveryRank {
      guard own != first else { return }
      let part =
        own.configuration == first.configuration ? "its weights differ" : "its config.json differs"
      throw Failure(
        .unavailable,
        """
        host \(MPIEnvironment.processorName) has another model in '\(model.outline.name)' than host \
        \(firstHost) of rank 0 (\(part)); copy one model to all hosts
        """)
    }
    identity = own
    return own.text
  }

  /// Of this host's weights, on each of its ranks.
  private func weightsIdentity(of model: ModelOutline, team: ThreadTeam) throws -> String {
    switch model.weights.origin {
    case .builtIn: return "built-in, ringflash \(Version.string)"
    case .random: return "random, version \(RandomWeights.version)"
    case .none: return "none"
    case .files: break
    }
    // As the host's first rank sees them.
    let files = try onEveryRank {
      try ModelDirectory(path: model.name).openTensors().files.map { try MappedFile(path: $0.path) }
    }
    let sizes = try host.broadcast(array: files.map(\.bytes.count), from: 0)
    try onEveryRank {
      guard sizes != files.map(\.bytes.count) else { return }
      throw Failure(
        .unavailable, "the files of '\(model.name)' are not those that other ranks of the host see")
    }
    let pieces = files.enumerated().flatMap { index, file in
      stride(from: 0, to: file.bytes.count, by: ModelIdentity.pieceBytes).map {
        UnsafeRawBufferPointer(
          rebasing: file.bytes[$0..<min(file.bytes.count, $0 + ModelIdentity.pieceBytes)])
      }
    }
    // The words of all pieces' hashes: this rank's, and zeros. Their sum has those of all ranks.
    let words = ModelIdentity.wordsPerHash
    var hashes = [Int](repeating: 0, count: pieces.count * words)
    let (rank, ranks) = (host.rank, host.size)
    try hashes.withUnsafeMutableBufferPointer { hashes in
      nonisolated(unsafe) let hashes = hashes
      team.forEach(
        (pieces.count - rank + ranks - 1) / ranks, betweenItems: { self.communicator.tick() }
      ) { item, _ in
        let piece = rank + item * ranks
        for (index, word) in Checksum(of: pieces[piece]).words.enumerated() {
          hashes[piece * words + index] = Int(truncatingIfNeeded: word)
        }
      }
      try host.allReduce(values: hashes, .sum)
    }
    withExtendedLifetime(files) {}
    var whole = SHA256()
    for size in sizes { whole.update("\(size) ") }
    hashes.map(\.bigEndian).withUnsafeBytes { whole.update($0) }
    return whole.checksum.hexadecimal
  }
}

/// The hashes that make a model.
struct ModelIdentity: Codable, Equatable {
  static let pieceBytes = 4 << 20
  static let wordsPerHash = Checksum.bytes / 8

  let configuration: String
  let weights: String

  /// Both in one.
  var text: String { Checksum(of: "\(configuration) \(weights)").hexadecimal }

  /// - Throws: `Failure`.
  static func configuration(of model: ModelOutline) throws -> String {
    if model.weights.origin == .builtIn {
      return Checksum(of: "\(model.configuration)").hexadecimal
    }
    let bytes = try FileReader.bytes(of: "\(model.name)/config.json", as: "configuration")
    return bytes.withUnsafeBytes { Checksum(of: $0) }.hexadecimal
  }
}
