/// Why the program ends without a result: one sentence for people, one exit code for scripts.
///
/// It is `Codable`, so that rank 0 can broadcast its verdict.
public struct Failure: Error, Codable, Equatable, Sendable {
  public let exitCode: ExitCode

  /// What is wrong, where, and what to do; it begins in lower case and has no final period.
  public let sentence: String

  public init(_ exitCode: ExitCode, _ sentence: String) {
    self.exitCode = exitCode
    self.sentence = sentence
  }
}
