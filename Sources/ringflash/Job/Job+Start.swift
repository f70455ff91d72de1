import Reporting

extension Job {
  /// Checks that every rank is the same program with the same arguments as rank 0: otherwise ranks
  /// would wait for each other for ever.
  ///
  /// - Throws: `AgreedFailure` (69), `MPIError`.
  func checkStart(arguments: [String]) throws {
    let own = [Version.string] + arguments
    let first = try onRoot { own }
    try onEveryRank {
      guard own != first else { return }
      throw Failure(
        .unavailable,
        own[0] == first[0]
          ? "started with other arguments than rank 0; give all ranks the same"
          : "this is ringflash \(own[0]), rank 0 is ringflash \(first[0]); install one on all hosts"
      )
    }
  }
}
