import Digests
import Files
import Kernels
import MPI
import ModelFiles
import Ranks
import Transformer

// A model is what its configuration and its weights say, wherever it lies: SHA-256 over config.json (or
// the metadata of a GGUF file), and over all bytes of all files of weights. These are cut into pieces, which the ranks of a host and
// their threads share out, and the pieces' hashes are hashed again. So each host reads its files once,
// as the work would do anyway; ranks that do not see the files of the host's first one read all of
// their own. Where all hosts see one file system's files, each hashes a part of them, so that no byte is
// read by two. All that is done only where something depends on it.

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

  /// Checks that every rank has the model that rank 0 has. Every rank calls this.
  ///
  /// - Throws: `AgreedFailure` (69 where a rank has another one), `MPIError`.
  public func check() throws {
    // Nothing needs to be read where all ranks read one host's files, or one file system's.
    guard try readers().size < job.communicator.size else { return }
    _ = try identity()
  }

  /// The ranks that read the same files as this one.
  private func readers() throws -> Communicator {
    var paths: [String] = []
    if let stored = model.stored { paths.append(stored.configurationName) }
    paths += model.weights.paths
    if try job.sharesFiles(paths: paths) { return job.communicator }
    let seesFilesOfHost = try job.seesFilesOfHost(paths: paths)
    return try job.host.allReduce(value: seesFilesOfHost ? 1 : 0, .minimum) == 1
      ? job.host : MPIEnvironment.communicatorOfThisRank()
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
        own.configuration == first.configuration
        ? "its weights differ" : "its \(model.configurationTitle) differs"
      throw Failure(
        .unavailable,
        """
        '\(model.name)' on host \(MPIEnvironment.processorName) is another model than that of \
        rank 0 on host \(firstHost) (\(part)); give all ranks one model
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
    let readers = try readers()
    let files = try job.onEveryRank {
      try model.weights.paths.map { try MappedFile(path: $0) }
    }
    let pieces = files.flatMap { file in
      stride(from: 0, to: file.bytes.count, by: Self.pieceBytes).map {
        UnsafeRawBufferPointer(
          rebasing: file.bytes[$0..<min(file.bytes.count, $0 + Self.pieceBytes)])
      }
    }
    let hashes = try hashes(of: pieces, by: readers)
    withExtendedLifetime(files) {}
    var whole = SHA256()
    for size in files.map(\.bytes.count) { whole.update("\(size) ") }
    hashes.map(\.bigEndian).withUnsafeBytes { whole.update($0) }
    return whole.checksum.hexadecimal
  }

  /// The words of the hashes of all pieces.
  ///
  /// - Parameter ranks: each of them makes a part.
  private func hashes(
    of pieces: [UnsafeRawBufferPointer], by ranks: Communicator
  ) throws -> [Int] {
    let (host, words) = (job.host, Self.wordsPerHash)
    let (rank, count) = (ranks.rank, ranks.size)
    // This rank's, and zeros. The sum has those of all ranks.
    var hashes = [Int](repeating: 0, count: pieces.count * words)
    try hashes.withUnsafeMutableBufferPointer { hashes in
      nonisolated(unsafe) let hashes = hashes
      nonisolated(unsafe) let pieces = pieces
      team.forEach(
        (pieces.count - rank + count - 1) / count, betweenItems: { host.tick() }
      ) { item, _ in
        let piece = rank + item * count
        for (index, word) in Checksum(of: pieces[piece]).words.enumerated() {
          hashes[piece * words + index] = Int(truncatingIfNeeded: word)
        }
      }
      try ranks.allReduce(values: hashes, .sum)
    }
    return hashes
  }
}
