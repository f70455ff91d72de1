import CommandLine
import Foundation
import Inference
import Kernels
import Reporting
import TestSupport
import Testing

@Suite struct AnswersFileTests {
  private func record(_ id: QuestionID, text: String = "a\n\"b\" é", digest: String = "0")
    -> AnswerRecord
  {
    AnswerRecord(
      id: id, fingerprint: "0123456789abcdef", text: text, tokenIDs: [1, 2, 3],
      finishReason: .length, tokens: .init(prompt: 4, generated: 3),
      logitsDigest: String(repeating: digest, count: 64))
  }

  private func line(_ id: QuestionID) throws -> [UInt8] { [UInt8](try record(id).json()) }

  private func parse(_ bytes: [UInt8]) throws -> AnsweredQuestions {
    try AnsweredQuestions(bytes: bytes, name: "a.jsonl")
  }

  private func content(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  private func withAnswers(_ content: [UInt8]?, _ body: (String) throws -> Void) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/a.jsonl"
      if let content { try Data(content).write(to: URL(fileURLWithPath: path)) }
      try body(path)
    }
  }

  /// Written by one file, read by the next, which goes on behind it.
  @Test func continues() throws {
    try withAnswers(nil) { path in
      for round in 0..<3 {
        let file = try AnswersFile(path: path)
        #expect(Set(file.earlier.entries.keys) == Set((0..<2 * round).map { .integer($0) }))
        try file.begin()
        for id in 2 * round..<2 * round + 2 {
          try file.append(record(.integer(id), digest: "\(id)"))
        }
      }
      let entries = try AnswersFile(path: path).earlier.entries
      for id in 0..<6 {
        let entry = try #require(entries[.integer(id)])
        #expect(entry.line == id + 1 && entry.fingerprint == "0123456789abcdef")
        #expect(entry.logitsDigest == String(repeating: "\(id)", count: 64))
      }
      let lines = String(decoding: try content(path), as: UTF8.self).split(separator: "\n")
      #expect(lines.count == 6)
      for (id, line) in lines.enumerated() {
        let decoded = try JSONDecoder().decode(AnswerRecord.self, from: Data(line.utf8))
        #expect(decoded == record(.integer(id), digest: "\(id)"))
      }
    }
  }

  /// A file cut at any byte is continued: what is left of the last line is cut off, or was whole.
  @Test func cutAnywhere() throws {
    let (first, second) = (try line(.text("one")), try line(.text("two")))
    let whole = first + second
    for length in 0...whole.count {
      try withAnswers(Array(whole.prefix(length))) { path in
        let file = try AnswersFile(path: path)
        #expect(try content(path).count == length, "opening changed a file cut to \(length)")
        let expected = (length >= first.count - 1 ? 1 : 0) + (length >= whole.count - 1 ? 1 : 0)
        #expect(file.earlier.entries.count == expected, "cut to \(length)")
        try file.begin()
        try file.append(record(.text("three")))
        let kept = expected == 2 ? whole : expected == 1 ? first : []
        #expect(try content(path) == kept + line(.text("three")), "cut to \(length)")
      }
    }
  }

  @Test func blankLinesAndFurtherKeys() throws {
    let scored = String(decoding: try line(.integer(1)), as: UTF8.self)
      .replacingOccurrences(of: "\"id\"", with: "\"score\":0.5,\"id\"")
    let bytes = Array("\n\r\n\(scored) \n".utf8)
    let answered = try parse(bytes)
    #expect(answered.entries[.integer(1)]?.line == 3)
    #expect(answered.wholeBytes == bytes.count && !answered.lacksNewline)
  }

  /// Lines that are no answers, in the middle and at the end; what is not ours is never cut off.
  @Test func damaged() throws {
    let good = String(decoding: try line(.integer(1)), as: UTF8.self)
    let trimmed = String(good.dropLast())
    var damaged = [
      "x", "notes of mine", "{}", "{\"id\": 1}", "[", "7", "\u{0}\u{0}\u{0}",
      "{\"id\":1,\"prompt\":\"a\"}",
    ]
    for (old, new) in [
      ("\"id\":1", "\"id\":null"), ("0123456789abcdef", "0123456789abcde"),
      ("0123456789abcdef", "0123456789ABCDEF"), ("\"0000", "\"000"), ("[1,2,3]", "[1,2.5]"),
      ("\"text\":", "\"txt\":"), ("\"id\":1", "\"id\":1,\"id\":1"),
    ] {
      let changed = trimmed.replacingOccurrences(of: old, with: new)
      #expect(changed != trimmed)
      damaged.append(changed)
    }
    let other = String(decoding: try line(.integer(2)), as: UTF8.self)
    for bad in damaged {
      for (text, isTerminated) in [
        ("\(other)\(bad)\n\(good)", true), ("\(other)\(bad)\n", true), (other + bad, false),
      ] {
        // Torn lines begin as ours do and are cut off.
        if !isTerminated && bad.hasPrefix(AnswerRecord.beginning) { continue }
        let failure = caughtFailure { _ = try parse(Array(text.utf8)) }
        #expect(failure?.exitCode == .badData, "\(text)")
        #expect(failure?.sentence.hasPrefix("a.jsonl:2: ") == true, "\(text)")
        #expect(failure?.sentence.contains("--answers") == true)
        try withAnswers(Array(text.utf8)) { path in
          let opened = caughtFailure { _ = try AnswersFile(path: path) }
          #expect(opened?.exitCode == .badData)
          let left = try content(path)
          #expect(left == Array(text.utf8))
        }
      }
    }
  }

  @Test func secondAnswerToOneQuestion() throws {
    let twice = try line(.integer(1)) + line(.text("1")) + line(.integer(1))
    let failure = caughtFailure { _ = try parse(twice) }
    #expect(failure?.exitCode == .badData)
    #expect(failure?.sentence.hasPrefix("a.jsonl:3: ") == true)
    #expect(failure?.sentence.contains("line 1") == true)
  }

  @Test func placesThatCannotBeWritten() throws {
    try withAnswers([]) { path in
      for bad in ["\(path)/x", "\(path).d/x", (path as NSString).deletingLastPathComponent] {
        let failure = caughtFailure { _ = try AnswersFile(path: bad) }
        #expect(failure?.exitCode == .inputOutput, "\(bad)")
        #expect(failure?.sentence.contains("'\(bad)'") == true, "\(bad)")
      }
    }
    // A device that is always full.
    let full = try AnswersFile(path: "/dev/full")
    try full.begin()
    let failure = caughtFailure { try full.append(record(.integer(1))) }
    #expect(failure?.exitCode == .inputOutput)
    #expect(failure?.sentence.contains("no space left") == true)
    try AnswersFile(path: "/dev/null").append(record(.integer(1)))
  }

  /// A file that is no longer at its path would lose what is written into it.
  @Test func removedOrReplaced() throws {
    for isReplaced in [false, true] {
      try withAnswers(nil) { path in
        let file = try AnswersFile(path: path)
        try file.begin()
        try file.append(record(.integer(1)))
        try FileManager.default.moveItem(atPath: path, toPath: path + ".old")
        if isReplaced { try Data().write(to: URL(fileURLWithPath: path)) }
        let failure = caughtFailure { try file.append(record(.integer(2))) }
        #expect(failure?.exitCode == .inputOutput)
        #expect(failure?.sentence.contains("removed or replaced") == true)
      }
    }
    // By another name of the same file nothing is lost.
    try withAnswers([]) { path in
      try FileManager.default.createSymbolicLink(atPath: path + ".link", withDestinationPath: path)
      let file = try AnswersFile(path: path + ".link")
      try file.begin()
      try file.append(record(.integer(1)))
    }
  }

  @Test func twoJobs() throws {
    try withAnswers(nil) { path in
      let first = try AnswersFile(path: path)
      let failure = caughtFailure { _ = try AnswersFile(path: path) }
      #expect(failure?.exitCode == .inputOutput)
      #expect(failure?.sentence.contains("another job") == true)
      try first.begin()
    }
  }

  /// Whatever an answer depends on changes its fingerprint.
  @Test func fingerprints() throws {
    func text(
      context: [Int32] = [1, 2, 3], model: String = "m", ends: Set<Int32> = [7, 2],
      fp32: Bool = false, instructionSet: InstructionSet = .avx2, prompt: [Int32] = [4, 5],
      _ choices: GenerationChoices = .init()
    ) throws -> String {
      try QuestionFingerprint(
        context: context, model: model, endOfSequenceTokens: ends,
        numerics: Numerics(precision: fp32 ? .fp32 : .bf16), instructionSet: instructionSet
      ).text(prompt: prompt, parameters: GenerationParameters(flags: choices, model: .init()))
    }
    func sampling(_ change: (inout SamplingChoices) -> Void) -> SamplingChoices {
      var choices = SamplingChoices()
      change(&choices)
      return choices
    }
    let texts = try [
      text(), text(context: [1, 2]), text(model: "n"), text(ends: [7]), text(fp32: true),
      text(instructionSet: .avx512),
      text(prompt: [4]), text(context: [1, 2, 3, 4], prompt: [5]), text(.init(maxTokens: 7)),
      text(.init(stopTexts: ["a"])), text(.init(sampling: .init(temperature: 0.1))),
      text(.init(sampling: .init(topK: 1))), text(.init(sampling: .init(topP: 0.1))),
      text(.init(sampling: .init(seed: 1))), text(.init(sampling: .init(minP: 0.1))),
      text(.init(sampling: sampling { $0.repetitionPenalty = 1.1 })),
      text(.init(sampling: sampling { $0.presencePenalty = 1.1 })),
      text(.init(sampling: sampling { $0.frequencyPenalty = 1.1 })),
    ]
    #expect(Set(texts).count == texts.count)
    #expect(texts.allSatisfy { $0.wholeMatch(of: /[0-9a-f]{16}/) != nil })
    // Files of one release are continued by the next.
    #expect(texts[0] == "d5bd231f6c8caf09")
    #expect(try text() == texts[0])
  }
}
