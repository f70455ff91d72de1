import Ranks
import Reporting

/// The file of `--prompts`: JSON lines, one question each.
package struct PromptsFile: Sendable {
  /// In the order of the file, at least one.
  package let questions: [PromptLine]
  /// What messages call the file.
  package let name: String

  /// Reads the file at `path`, or standard input if it is `-`.
  ///
  /// - Throws: 66 if the file is not there or is not a file, 74 if it cannot be read, 65 with file and
  ///   line if it is empty or its content is not what it should be.
  package init(path: String) throws(Failure) {
    let name = path == "-" ? "standard input" : path
    var reading = Reading(name: name)
    try FileReader.forEachLine(of: path, as: "prompts") { line throws(Failure) in
      try reading.append(line)
    }
    try self.init(reading)
  }

  /// The questions that stand in `bytes`; `name` is for messages only.
  ///
  /// - Throws: 65.
  package init(bytes: [UInt8], name: String) throws(Failure) {
    var reading = Reading(name: name)
    var reader = LineReader(bytes, name: name)
    while let line = try reader.next() { try reading.append(line) }
    try self.init(reading)
  }

  private init(_ reading: Reading) throws(Failure) {
    guard !reading.questions.isEmpty else {
      throw Failure(
        .badData,
        """
        \(reading.name): there is no question in it; write one on each line, such as \
        {"id": 1, "prompt": "…"}
        """)
    }
    questions = reading.questions
    name = reading.name
  }

  /// What has been read so far.
  private struct Reading {
    let name: String
    var questions: [PromptLine] = []
    /// The line of each id.
    private var lines: [QuestionID: Int] = [:]

    init(name: String) {
      self.name = name
    }

    /// Blank lines are skipped, and the byte order mark with which some editors begin a file.
    mutating func append(_ line: LineReader.Line) throws(Failure) {
      var line = line
      if line.number == 1, line.bytes.starts(with: [0xef, 0xbb, 0xbf]) {
        line.bytes.removeFirst(3)
      }
      guard !line.isBlank else { return }
      let question = try PromptLine(line, path: name)
      if let first = lines.updateValue(line.number, forKey: question.id) {
        throw Failure(
          .badData,
          """
          \(name):\(line.number): the id \(question.id) is that of line \(first) already; give each \
          question its own
          """)
      }
      questions.append(question)
    }
  }
}
