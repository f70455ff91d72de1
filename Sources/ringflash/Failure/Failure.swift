/// Why the program ends without a result: one sentence for people, one exit code for scripts.
///
/// It is `Codable`, so that rank 0 can broadcast its verdict.
package struct Failure: Error, Codable, Equatable, Sendable {
  package let exitCode: ExitCode

  /// What is wrong, where, and what to do; it begins in lower case and has no final period.
  package let sentence: String

  package init(_ exitCode: ExitCode, _ sentence: String) {
    self.exitCode = exitCode
    self.sentence = sentence
  }

  /// The one line for standard error, without its newline. Control characters (a newline in a file's
  /// name, say) are escaped, so that it stays one line.
  package var message: String {
    var line = "ringflash: error: "
    for scalar in sentence.unicodeScalars {
      if scalar.properties.generalCategory == .control {
        line += scalar.escaped(asASCII: true)
      } else {
        line.unicodeScalars.append(scalar)
      }
    }
    return line
  }
}
