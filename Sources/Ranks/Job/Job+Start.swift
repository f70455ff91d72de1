import Digests
import Foundation
import MPI

extension Job {
  /// Checks that every rank is the same program with the same arguments as rank 0: otherwise ranks
  /// would wait for each other for ever, or compute other bits.
  ///
  /// - Parameter version: of the program.
  /// - Throws: `AgreedFailure` (69), `MPIError`.
  public func checkStart(arguments: [String], version: String) throws {
    let own = [MPIEnvironment.processorName, version] + arguments
    let first = try onRoot { own }
    try onEveryRank {
      guard own.dropFirst() != first.dropFirst() else { return }
      throw Failure(
        .unavailable,
        own[1] == first[1]
          ? "started with other arguments than rank 0 on \(first[0]); give all ranks the same"
          : """
          this is ringflash \(own[1]), rank 0 on \(first[0]) is ringflash \(first[1]); install one \
          on all hosts
          """)
    }
    try checkBuild(version: version, host: first[0])
  }

  /// Two builds of one version may differ in the last bits, or in what they send.
  private func checkBuild(version: String, host firstHost: String) throws {
    let program = "/proc/self/exe"
    let isFileOfHost = try seesFilesOfHost(paths: [program])
    // Nothing needs to be read where all ranks run one file.
    let isOneFile = isFileOfHost && host.size == communicator.size
    guard try communicator.allReduce(value: isOneFile ? 1 : 0, .minimum) == 0 else { return }
    let read = try onEveryRank { () -> String? in
      guard host.rank == 0 || !isFileOfHost else { return nil }
      do {
        let bytes = try Data(contentsOf: URL(fileURLWithPath: program), options: .alwaysMapped)
        return bytes.withUnsafeBytes { Checksum(of: $0) }.hexadecimal
      } catch {
        throw Failure(.inputOutput, "\(program) cannot be read: \(error.localizedDescription)")
      }
    }
    let ofHost = String(
      decoding: try host.broadcast(array: Array((read ?? "").utf8), from: 0), as: UTF8.self)
    let own = read ?? ofHost
    let first = try onRoot { own }
    try onEveryRank {
      guard own != first else { return }
      throw Failure(
        .unavailable,
        """
        this is another build of ringflash \(version) (SHA-256 \(own.prefix(12))…) than that \
        of rank 0 on \(firstHost) (\(first.prefix(12))…); install one on all hosts
        """)
    }
  }

  /// Whether these are the files that rank 0 has at as many paths of its own, as on a file system that
  /// hosts share; the answer is the same on every rank. Every rank calls this.
  ///
  /// - Throws: `MPIError`.
  public func sharesFiles(paths: [String]) throws -> Bool {
    let own = paths.compactMap(FileAmongHosts.init)
    let first = try communicator.broadcast(array: own, from: 0)
    return try communicator.allReduce(
      value: own == first && own.count == paths.count ? 1 : 0, .minimum) == 1
  }

  /// Whether these are the files that the host's first rank has at as many paths of its own. Every
  /// rank of the host calls this.
  ///
  /// - Throws: `MPIError`.
  public func seesFilesOfHost(paths: [String]) throws -> Bool {
    let own = paths.compactMap(FileOnHost.init)
    return try host.broadcast(array: own, from: 0) == own && own.count == paths.count
  }
}
