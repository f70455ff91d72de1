import ArgumentParser
import Foundation
import Ranks
import Reporting

/// `ringflash haystack`: a text to try retrieval on, and its answers.
package struct HaystackCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "haystack",
    abstract: "Write a text with hidden passkeys, which ends by asking for one of them.",
    discussion: """
      The text has sentences 'The secret passkey of NAME is DIGITS.' at even depths, the first at \
      its first byte and the last right before the question. Needles are counted from 1. A token \
      of the built-in model is a byte. Equal options give equal texts.

      Examples:
        ringflash haystack --tokens 100000 --needles 8 --ask 3 \\
          --output haystack.txt --answers answers.json
        mpirun -np 8 ringflash --context haystack.txt --max-tokens 7
        ringflash haystack --tokens 4096 | mpirun -np 2 ringflash --context -
        ringflash haystack --tokens 100000 --needles 8 \\
          --output haystack.txt --prompts needles.jsonl
        mpirun -np 8 ringflash --context haystack.txt --prompts needles.jsonl
      """)

  @Option(
    parsing: .unconditional, help: .init("Length of the text in bytes.", valueName: "n"),
    transform: OptionValue.integer(1...Int(Int32.max)))
  package var tokens: Int

  @Option(
    parsing: .unconditional,
    help: .init("Number of hidden sentences. (default: 1)", valueName: "k"),
    transform: OptionValue.integer(0...100_000))
  package var needles: Int = 1

  @Option(
    parsing: .unconditional,
    help: .init("The needle to ask for, 1 to k. (default: 1)", valueName: "i"),
    transform: OptionValue.integer(1...100_000))
  package var ask: Int?

  @Option(
    parsing: .unconditional,
    help: .init("Seed of names, passkeys and filler. (default: 0)", valueName: "n"),
    transform: OptionValue.seed)
  package var seed: UInt64 = 0

  @Option(
    help: .init("Where the text goes. (default: -, standard output)", valueName: "file"),
    transform: OptionValue.path)
  package var output: String = "-"

  @Option(
    help: .init(
      """
      Where the answers go, as a JSON array with one object a needle: index, name, passkey, \
      offset, depth, asked.
      """, valueName: "file"),
    transform: OptionValue.path)
  package var answers: String?

  @Option(
    help: .init(
      """
      Where the questions for all needles go, as JSON lines for generate --prompts; the text then \
      ends without one.
      """, valueName: "file"),
    transform: OptionValue.path)
  package var prompts: String?

  package init() {}

  var parsed: ParsedCommand { .haystack(self) }

  package func validate() throws {
    if ask != nil && prompts != nil {
      throw ValidationError("--ask and --prompts exclude each other, all needles are asked for")
    }
    if needles == 0 && prompts != nil {
      throw ValidationError("--prompts needs something to ask for, give --needles with it")
    }
  }

  /// Writes the files.
  ///
  /// - Throws: 64 if the text is too short for its needles or two files are one, 74 if a file cannot be written.
  package func execute() throws(Failure) {
    var files = FilesOfRun()
    for (option, path) in [("output", output), ("answers", answers), ("prompts", prompts)] {
      try files.add(output: path, of: option)
    }
    let haystack = try Haystack.make(
      tokens: tokens, needles: needles, asked: ask, endsWithQuestion: prompts == nil, seed: seed)
    try Self.write(haystack.text, to: output)
    if let prompts {
      try Self.write(haystack.needles.flatMap { Array($0.promptLine.utf8) }, to: prompts)
    }
    guard let answers else { return }
    try Self.write(Self.json(haystack.needles), to: answers)
  }

  private static func write(_ bytes: [UInt8], to path: String) throws(Failure) {
    guard path != "-" else { return try StandardOutput.write(bytes) }
    do {
      try ReportFile(path: path).write(Data(bytes))
    } catch {
      throw Failure(error)
    }
  }

  private static func json(_ needles: [Needle]) throws(Failure) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    do {
      return try [UInt8](encoder.encode(needles)) + [UInt8(ascii: "\n")]
    } catch {
      throw Failure(.internalError, "the answers cannot be written as JSON: \(error)")
    }
  }
}
