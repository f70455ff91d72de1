import Digests
import Files
import Kernels
import MPI
import ModelFiles
import Ranks
import Transformer

// A model is what its configuration and its weights say, wherever it lies: SHA-256 over config.json,
// and over the bytes of all files of weights. These are cut into pieces, which the ranks of a host and
// their threads share out, and the pieces' hashes are hashed again. So each host reads its files once,
// as the work would do anyway.

/// The agreement of all ranks on one model.
public final class ModelAgreement {
  private static let pieceBytes = 4 << 20
  private static let wordsPerHash = Checksum.bytes / 8

  public let model: ModelOutline
  private let version: String
  private let job: Job
  private let team: ThreadTeam
  /// Once it was asked for.
  private var agreed: ModelIdentity?

  /// - Parameters:
  ///   - model: of the same name on every rank.
  ///   - version: of the program, which the built-in model is a part of.
  ///   - team: hashes the files.
  public init(on model: ModelOutline, version: String, job: Job, team: ThreadTeam) {
    self.model = model
    self.version = version
    self.job = job
    self.team = team
  }

  /// Checks that every host has the model that rank 0 has. Every rank calls this.
  ///
  /// - Throws: `AgreedFailure` (69 where a host has another one), `MPIError`.
  public func check() throws {
    // On one host all ranks read the same files.
    guard job.host.size < job.communicator.size else { return }
    _ = try identity()
  }

  /// What tells this model from every other one, 64 hexadecimal digits, the same on every rank and
  /// wherever the model lies. Every rank calls this.
  ///
  /// - Throws: as `check()`.
  public func identity() throws -> String {
    if agreed == nil { agreed = try WorkLocation.within(stage: "load", agree) }
    return agreed!.text
  }

  private func agree() throws -> ModelIdentity {
    let own = try ModelIdentity(
      configuration: job.onEveryRank { try ModelIdentity.configuration(of: model) },
      weights: weightsIdentity())
    let first = try job.onRoot { own }
    let firstHost = try job.onRoot { MPIEnvironment.processorName }
    try job.onEveryRank {
      guard own != first else { return }
      let part =
        own.configuration == first.configuration ? "its weights differ" : "its config.json differs"
      throw Failure(
        .unavailable,
        """
        host \(MPIEnvironment.processorName) has another model in '\(model.name)' than host \
        \(firstHost) of rank 0 (\(part)); copy one model to all hosts
        """)
    }
    return own
  }

  /// Of this host's weights, on each of its ranks.
  private func weightsIdentity() throws -> String {
    switch model.weights.origin {
    case .builtIn: return "built-in, ringflash \(version)"
    case .random: return "random, version \(RandomWeights.version)"
    case .none: return "none"
    case .files: break
    }
    let host = job.host
    // As the host's first rank sees them.
    let files = try job.onEveryRank {
      try ModelDirectory(path: model.name).openTensors().files.map { try MappedFile(path: $0.path) }
    }
    let sizes = try host.broadcast(array: files.map(\.bytes.count), from: 0)
    try job.onEveryRank {
      guard sizes != files.map(\.bytes.count) else { return }
      throw Failure(
        .unavailable, "the files of '\(model.name)' are not those that other ranks of the host see")
    }
    let pieces = files.flatMap { file in
      stride(from: 0, to: file.bytes.count, by: Self.pieceBytes).map {
        UnsafeRawBufferPointer(
          rebasing: file.bytes[$0..<min(file.bytes.count, $0 + Self.pieceBytes)])
      }
    }
    let hashes = try hashes(of: pieces)
    withExtendedLifetime(files) {}
    var whole = SHA256()
    for size in sizes { whole.update("\(size) ") }
    hashes.map(\.bigEndian).withUnsafeBytes { whole.update($0) }
    return whole.checksum.hexadecimal
  }

  /// The words of the hashes of all pieces, of which each rank of the host makes a part.
  private func hashes(of pieces: [UnsafeRawBufferPointer]) throws -> [Int] {
    let (host, words) = (job.host, Self.wordsPerHash)
    let (rank, ranks) = (host.rank, host.size)
    // This rank's, and zeros. The sum has those of all ranks.
    var hashes = [Int](repeating: 0, count: pieces.count * words)
    try hashes.withUnsafeMutableBufferPointer { hashes in
      nonisolated(unsafe) let hashes = hashes
      nonisolated(unsafe) let pieces = pieces
      team.forEach(
        (pieces.count - rank + ranks - 1) / ranks, betweenItems: { host.tick() }
      ) { item, _ in
        let piece = rank + item * ranks
        for (index, word) in Checksum(of: pieces[piece]).words.enumerated() {
          hashes[piece * words + index] = Int(truncatingIfNeeded: word)
        }
      }
      try host.allReduce(values: hashes, .sum)
    }
    return hashes
  }
}
