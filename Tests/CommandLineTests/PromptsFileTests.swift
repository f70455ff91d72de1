import CommandLine
import Foundation
import Inference
import Reporting
import TestSupport
import Testing

@Suite struct PromptsFileTests {
  private func parse(_ text: String) throws -> [PromptLine] {
    try PromptsFile(bytes: Array(text.utf8), name: "q.jsonl").questions
  }

  @Test func everyKey() throws {
    let question = try parse(
      """
      {"id": "a", "prompt": "Why?\\n", "max_tokens": 5, "stop": [".", "\\n"], "temperature": 0.5, \
      "top_k": 40, "top_p": 0.9, "seed": 18446744073709551615, "min_p": 0.1, \
      "repetition_penalty": 1.1, "presence_penalty": -2, "frequency_penalty": 2}
      """)[0]
    #expect(question.id == .text("a") && question.line == 1)
    #expect(question.prompt == .text("Why?\n"))
    var sampling = SamplingChoices(
      temperature: 0.5, topK: 40, topP: 0.9, minP: 0.1, seed: UInt64.max)
    sampling.repetitionPenalty = 1.1
    sampling.presencePenalty = -2
    sampling.frequencyPenalty = 2
    #expect(
      question.choices
        == GenerationChoices(maxTokens: 5, stopTexts: [".", "\n"], sampling: sampling))
  }

  @Test func leastAndOtherForms() throws {
    let questions = try parse(
      """
      {"id": 0, "prompt": ""}
      {"id": -7, "token_ids": [0, 2147483647, 3]}
      {"prompt": "é\\u00e9", "id": ""}
      {"id": "0", "prompt": "x", "stop": "end", "max_tokens": null, "temperature": 1}
      {"id": 2, "prompt": "x", "stop": [], "max_tokens": 0, "top_p": 1, "top_k": 0, "seed": 0}
      {"id": 3, "token_ids": []}
      """)
    #expect(
      questions.map(\.id) == [
        .integer(0), .integer(-7), .text(""), .text("0"), .integer(2), .integer(3),
      ])
    #expect(questions[0].prompt == .text("") && questions[0].choices == GenerationChoices())
    #expect(questions[1].prompt == .tokenIDs([0, .max, 3]))
    #expect(questions[2].prompt == .text("éé"))
    #expect(
      questions[3].choices == GenerationChoices(stopTexts: ["end"], sampling: .init(temperature: 1))
    )
    #expect(
      questions[4].choices
        == GenerationChoices(
          maxTokens: 0, stopTexts: [], sampling: .init(topK: 0, topP: 1, seed: 0)))
    #expect(questions[5].prompt == .tokenIDs([]))
  }

  /// Line ends of both kinds, a mark at the beginning, blank lines, no newline at the end.
  @Test(arguments: ["\n", "\r\n"], ["", "\u{feff}"])
  func lines(newline: String, mark: String) throws {
    let lines = ["{\"id\": 1, \"prompt\": \"a\"}", "", " \t", "{\"id\": 2, \"prompt\": \"b\"} "]
    for end in ["", newline] {
      let questions = try parse(mark + lines.joined(separator: newline) + end)
      #expect(questions.map(\.id) == [.integer(1), .integer(2)])
      #expect(questions.map(\.line) == [1, 4])
      #expect(questions.map(\.prompt) == [.text("a"), .text("b")])
    }
  }

  @Test func contexts() throws {
    for (json, context) in [
      ("{\"text\": \"More. \"}", PromptLine.Context.text("More. ")),
      ("{\"file\": \"a/b.txt\"}", .file("a/b.txt")),
      ("{\"token_ids\": [0, 2147483647]}", .tokenIDs([0, Int32.max])),
      ("{\"saved\": \"dir\", \"text\": null}", .saved("dir")),
    ] {
      let question = try parse("{\"id\": 1, \"prompt\": \"a\", \"context\": \(json)}")[0]
      #expect(question.context == context)
    }
    #expect(try parse("{\"id\": 1, \"prompt\": \"a\", \"context\": null}")[0].context == nil)
  }

  /// What is wrong in a question's context, and what the message has.
  static let contextMistakes: [(context: String, words: [String])] = [
    ("\"more\"", ["\"context\"", "object"]), ("[]", ["\"context\"", "object"]),
    ("{}", ["none of", "\"text\", \"file\", \"saved\", \"token_ids\"", "give one"]),
    ("{\"text\": null}", ["none of"]),
    ("{\"text\": \"a\", \"file\": \"b\"}", ["2 of", "give one"]),
    ("{\"text\": \"\"}", ["\"context.text\"", "empty"]),
    ("{\"text\": 7}", ["\"context.text\"", "string"]),
    ("{\"file\": \"\"}", ["\"context.file\"", "empty"]),
    ("{\"file\": \"-\"}", ["\"context.file\"", "standard input"]),
    ("{\"saved\": \"\"}", ["\"context.saved\"", "empty"]),
    ("{\"token_ids\": []}", ["\"context.token_ids\"", "empty"]),
    ("{\"token_ids\": [3, -1]}", ["\"context.token_ids\"", "-1", "element 1"]),
    ("{\"token_ids\": \"a\"}", ["\"context.token_ids\"", "array"]),
    ("{\"txt\": \"a\"}", ["\"context.txt\"", "did you mean \"text\"?"]),
    ("{\"text\": \"a\", \"xyzzy\": 1}", ["\"context.xyzzy\"", "file, saved, text, token_ids"]),
  ]

  /// What is wrong in one line, and what the message has.
  static let mistakes: [(line: String, words: [String])] = [
    ("not JSON", ["malformed JSON"]), ("[1]", ["object"]), ("7", ["object"]),
    ("{\"id\": 1, \"prompt\": \"a\"", ["malformed", "ends"]),
    ("{\"id\": 1, \"prompt\": \"a\"} {}", ["malformed"]),
    ("{\"id\": 1, \"id\": 2, \"prompt\": \"a\"}", ["\"id\"", "twice"]),
    ("{\"prompt\": \"a\"}", ["\"id\"", "missing"]),
    ("{\"id\": null, \"prompt\": \"a\"}", ["\"id\"", "missing"]),
    ("{\"id\": 1.5, \"prompt\": \"a\"}", ["\"id\"", "1.5"]),
    ("{\"id\": 9223372036854775808, \"prompt\": \"a\"}", ["\"id\"", "integer"]),
    ("{\"id\": true, \"prompt\": \"a\"}", ["\"id\"", "true"]),
    ("{\"id\": 1}", ["\"prompt\"", "missing"]),
    ("{\"id\": 1, \"prompt\": 7}", ["\"prompt\"", "7", "string"]),
    ("{\"id\": 1, \"prompt\": \"a\", \"token_ids\": [1]}", ["\"token_ids\"", "\"prompt\""]),
    ("{\"id\": 1, \"token_ids\": [1, -1]}", ["\"token_ids\"", "-1", "element 1"]),
    ("{\"id\": 1, \"token_ids\": [2147483648]}", ["\"token_ids\"", "2147483648"]),
    ("{\"id\": 1, \"token_ids\": [\"1\"]}", ["\"token_ids[0]\""]),
    ("{\"id\": 1, \"token_ids\": 1}", ["\"token_ids\"", "array"]),
    ("{\"id\": 1, \"promt\": \"a\"}", ["\"promt\"", "did you mean \"prompt\"?"]),
    ("{\"id\": 1, \"prompt\": \"a\", \"max-tokens\": 3}", ["did you mean \"max_tokens\"?"]),
    ("{\"id\": 1, \"prompt\": \"a\", \"x\": 3}", ["\"x\"", "presence_penalty, prompt,"]),
    ("{\"id\": 1, \"prompt\": \"a\", \"max_tokens\": -1}", ["\"max_tokens\"", "0 to 2147483647"]),
    ("{\"id\": 1, \"prompt\": \"a\", \"max_tokens\": 2147483648}", ["\"max_tokens\""]),
    ("{\"id\": 1, \"prompt\": \"a\", \"max_tokens\": 1.5}", ["\"max_tokens\"", "1.5"]),
    ("{\"id\": 1, \"prompt\": \"a\", \"max_tokens\": \"3\"}", ["\"max_tokens\""]),
    ("{\"id\": 1, \"prompt\": \"a\", \"stop\": \"\"}", ["\"stop\"", "empty"]),
    ("{\"id\": 1, \"prompt\": \"a\", \"stop\": [\"a\", \"\"]}", ["\"stop\"", "empty"]),
    ("{\"id\": 1, \"prompt\": \"a\", \"stop\": 3}", ["\"stop\""]),
    ("{\"id\": 1, \"prompt\": \"a\", \"stop\": [3]}", ["\"stop[0]\""]),
    ("{\"id\": 1, \"prompt\": \"a\", \"temperature\": -0.1}", ["\"temperature\"", "-0.1"]),
    ("{\"id\": 1, \"prompt\": \"a\", \"temperature\": 1e999}", ["malformed", "out of range"]),
    ("{\"id\": 1, \"prompt\": \"a\", \"top_p\": 0}", ["\"top_p\"", "above 0"]),
    ("{\"id\": 1, \"prompt\": \"a\", \"top_p\": 1.1}", ["\"top_p\"", "1.1"]),
    ("{\"id\": 1, \"prompt\": \"a\", \"top_k\": -1}", ["\"top_k\""]),
    ("{\"id\": 1, \"prompt\": \"a\", \"seed\": -1}", ["\"seed\""]),
    ("{\"id\": 1, \"prompt\": \"a\", \"seed\": 18446744073709551616}", ["\"seed\""]),
    ("{\"id\": 1, \"prompt\": \"a\", \"min_p\": 1.5}", ["\"min_p\"", "0 to 1"]),
    (
      "{\"id\": 1, \"prompt\": \"a\", \"repetition_penalty\": 0}",
      ["\"repetition_penalty\"", "above 0"]
    ),
    (
      "{\"id\": 1, \"prompt\": \"a\", \"presence_penalty\": -3}",
      ["\"presence_penalty\"", "-2 to 2"]
    ),
    ("{\"id\": 1, \"prompt\": \"a\", \"frequency_penalty\": 3}", ["\"frequency_penalty\""]),
    ("{\"id\": \"first\", \"prompt\": \"a\"}", ["\"first\"", "line 1"]),
    ("{\"id\": 1, \"prompt\": \"\\ud800\"}", ["surrogate"]),
  ]

  /// Each in the third line of a file whose other lines are good.
  @Test func mistakes() throws {
    let inContexts = Self.contextMistakes.map {
      ("{\"id\": 1, \"prompt\": \"a\", \"context\": \($0.context)}", $0.words)
    }
    for mistake: (line: String, words: [String]) in Self.mistakes + inContexts {
      let text = "{\"id\": \"first\", \"prompt\": \"a\"}\n\n\(mistake.line)\n{\"id\": 9"
      let failure = caughtFailure { _ = try parse(text) }
      #expect(failure?.exitCode == .badData, "\(mistake)")
      let sentence = failure?.sentence ?? ""
      #expect(sentence.hasPrefix("q.jsonl:3:"), "\(sentence)")
      for word in mistake.words { #expect(sentence.contains(word), "\(word) in \(sentence)") }
    }
  }

  @Test func textThatIsNotUTF8() {
    let bytes = Array("{\"id\": 1, \"prompt\": \"gr".utf8) + [0xfc, 0xdf] + Array("\"}".utf8)
    let failure = caughtFailure { _ = try PromptsFile(bytes: bytes, name: "q") }
    #expect(failure?.exitCode == .badData)
    #expect(failure?.sentence.hasPrefix("q:1:") == true)
    #expect(failure?.sentence.contains("UTF-8") == true)
  }

  /// "é" and "e" with an accent behind it are two ids, as they are two keys.
  @Test func idsAreToldApartByTheirBytes() throws {
    let text = "{\"id\": \"\u{e9}\", \"prompt\": \"\"}\n{\"id\": \"e\u{301}\", \"prompt\": \"\"}"
    #expect(try parse(text).count == 2)
  }

  @Test(arguments: ["", "\n", " \r\n\t\n", "\u{feff}"])
  func noQuestion(text: String) {
    let failure = caughtFailure { _ = try parse(text) }
    #expect(failure?.exitCode == .badData && failure?.sentence.contains("q.jsonl") == true)
  }

  @Test func files() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/q.jsonl"
      for missing in [path, directory] {
        let opened = caughtFailure { _ = try PromptsFile(path: missing) }
        #expect(opened?.exitCode == .noInput)
      }
      // More than one piece of the reader, with a line across their border.
      let count = 5000
      let text = (0..<count).map { "{\"id\": \($0), \"prompt\": \"question number \($0)\"}" }
      try Data(text.joined(separator: "\r\n").utf8).write(to: URL(fileURLWithPath: path))
      let file = try PromptsFile(path: path)
      #expect(file.name == path)
      #expect(file.questions.map(\.id) == (0..<count).map { .integer($0) })
      #expect(file.questions.map(\.prompt) == (0..<count).map { .text("question number \($0)") })
    }
  }

  /// A file of one endless line ends with an error, not with the memory.
  @Test func endlessLine() {
    let failure = caughtFailure { _ = try PromptsFile(path: "/dev/zero") }
    #expect(failure?.exitCode == .badData)
    #expect(failure?.sentence.hasPrefix("/dev/zero:1: the line is longer than") == true)
  }
}
