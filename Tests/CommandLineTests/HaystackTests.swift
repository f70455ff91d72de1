import CommandLine
import Foundation
import Reporting
import Testing

@Suite struct HaystackTests {
  /// The shortest text for these needles, as the failure of a shorter one says it.
  private func shortest(needles: Int, asked: Int?, seed: UInt64) throws -> Int {
    let failure = try #require(
      caughtFailure {
        _ = try Haystack.make(tokens: 1, needles: needles, asked: asked, seed: seed)
      })
    #expect(failure.exitCode == .usage)
    return try #require(failure.sentence.split(separator: " ").last.flatMap { Int($0) })
  }

  private func occurrences(of part: [UInt8], in text: [UInt8]) -> [Int] {
    var found: [Int] = []
    for start in 0...(text.count - part.count) where text[start] == part[0] {
      if text[start..<start + part.count].elementsEqual(part) { found.append(start) }
    }
    return found
  }

  /// All that a haystack promises, for one combination.
  private func check(tokens: Int, needles count: Int, asked: Int, seed: UInt64) throws {
    let name = "tokens \(tokens), needles \(count), asked \(asked), seed \(seed)"
    let haystack = try Haystack.make(tokens: tokens, needles: count, asked: asked, seed: seed)
    let text = haystack.text
    #expect(text.count == tokens, "\(name)")
    #expect(text.allSatisfy { $0 == 0x0A || 0x20...0x7E ~= $0 }, "\(name)")
    #expect(haystack.needles.map(\.index) == Array(1...count), "\(name)")
    #expect(haystack.needles.filter(\.asked).map(\.index) == [asked], "\(name)")

    let question = Array(Needle.opening(name: haystack.needles[asked - 1].name).utf8)
    #expect(text.suffix(question.count).elementsEqual(question), "\(name)")
    #expect(text[text.count - question.count - 1] == 0x0A, "\(name)")

    var filler = text.dropLast(question.count)
    for needle in haystack.needles.reversed() {
      let sentence = "The secret passkey of \(needle.name) is \(needle.passkey).\n".utf8
      let range = needle.offset..<needle.offset + sentence.count
      #expect(text[range].elementsEqual(sentence), "\(name): needle \(needle.index)")
      #expect(needle.offset == 0 || text[needle.offset - 1] == 0x0A, "\(name)")
      let largestOffset = tokens - question.count - sentence.count
      let depth = largestOffset == 0 ? 0 : Double(needle.offset) / Double(largestOffset)
      #expect(needle.depth == depth, "\(name)")
      if count > 1 {
        // Sentences differ by a few bytes in length, so even spreading is so to some tens of bytes.
        let even = Double(needle.index - 1) / Double(count - 1)
        let tolerance = Double(8 * count + 2) / Double(largestOffset)
        #expect(abs(depth - even) <= tolerance, "\(name): needle \(needle.index) at \(depth)")
      }
      filler.removeSubrange(range)
    }
    #expect(haystack.needles[0].depth == 0, "\(name)")
    if count > 1 { #expect(haystack.needles[count - 1].depth == 1, "\(name)") }

    let rest = String(decoding: filler, as: UTF8.self)
    for word in ["passkey", "secret", " is "] { #expect(!rest.contains(word), "\(name): \(word)") }
    #expect(!rest.contains { $0.isNumber }, "\(name)")

    // The model sees the last 15 bytes: before the question they stand in one place, and the
    // passkey follows there.
    let ending = Array(text.suffix(15))
    let places = occurrences(of: ending, in: text).filter { $0 < text.count - question.count }
    #expect(places.count == 1, "\(name)")
    let passkey = haystack.needles[asked - 1].passkey
    #expect(text[(places[0] + 15)...].starts(with: (passkey + ".\n").utf8), "\(name)")
  }

  @Test func everyCombination() throws {
    for seed in [0, 1, UInt64.max] {
      for needles in [1, 2, 3, 8, 63, 64, 65, 200] {
        for asked in Set([1, (needles + 1) / 2, needles]) {
          let shortest = try shortest(needles: needles, asked: asked, seed: seed)
          for tokens in [0, 1, 2, 3, 4, 17, 255, 4096, 20_011].map({ shortest + $0 }) {
            try check(tokens: tokens, needles: needles, asked: asked, seed: seed)
          }
          let tooShort = caughtFailure {
            _ = try Haystack.make(tokens: shortest - 1, needles: needles, asked: asked, seed: seed)
          }
          #expect(tooShort?.exitCode == .usage, "needles \(needles), asked \(asked)")
        }
      }
    }
  }

  @Test func everyNeedleOfTheQuickstartCanBeAskedFor() throws {
    for asked in 1...8 { try check(tokens: 100_000, needles: 8, asked: asked, seed: 0) }
  }

  /// No name may look like another from its end, nor be too long for the 15 bytes that the model
  /// sees.
  @Test func namesAndPasskeysOfThousands() throws {
    let needles = try Haystack.make(tokens: 300_000, needles: 5000, seed: 3).needles
    let names = Set(needles.map(\.name))
    #expect(names.count == 5000)
    for name in names {
      #expect(1...8 ~= name.count && name.allSatisfy { "a"..."z" ~= $0 }, "\(name)")
      for start in name.indices.dropFirst() {
        #expect(!names.contains(String(name[start...])), "\(name)")
      }
    }
    #expect(Set(needles.map(\.passkey)).count == 5000)
    #expect(needles.allSatisfy { $0.passkey.count == 7 && $0.passkey.allSatisfy(\.isNumber) })
  }

  @Test func fillerAlone() throws {
    for tokens in [1, 2, 3, 4, 5, 11, 12, 13, 100, 5000] {
      let haystack = try Haystack.make(tokens: tokens, needles: 0, seed: 5)
      #expect(haystack.text.count == tokens)
      #expect(haystack.needles.isEmpty)
      #expect(haystack.text.last == 0x0A)
    }
    let asked = caughtFailure {
      _ = try Haystack.make(tokens: 9, needles: 0, asked: 1, seed: 0)
    }
    #expect(asked?.exitCode == .usage)
  }

  /// Prose does not repeat itself: hardly any sentence of a long text stands in it twice.
  @Test func fillerIsVaried() throws {
    let text = try Haystack.make(tokens: 100_000, needles: 0, seed: 1).text
    let sentences = text.split { $0 == 0x0A || $0 == UInt8(ascii: ".") }.map {
      String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespaces)
    }
    #expect(sentences.count > 1000)
    #expect(Double(Set(sentences).count) > 0.9 * Double(sentences.count))
  }

  /// The same needles, none of them asked for; each has its line among the questions.
  @Test func withoutAQuestion() throws {
    let asking = try Haystack.make(tokens: 5000, needles: 8, seed: 4)
    let haystack = try Haystack.make(tokens: 5000, needles: 8, endsWithQuestion: false, seed: 4)
    #expect(haystack.text.count == 5000 && haystack.text.last == 0x0A)
    #expect(haystack.needles.map(\.name) == asking.needles.map(\.name))
    #expect(haystack.needles.map(\.passkey) == asking.needles.map(\.passkey))
    #expect(haystack.needles.allSatisfy { !$0.asked })
    #expect(haystack.needles.first?.depth == 0 && haystack.needles.last?.depth == 1)
    let lines = haystack.needles.map(\.promptLine).joined()
    let questions = try PromptsFile(bytes: Array(lines.utf8), name: "q").questions
    #expect(
      questions.map(\.prompt) == haystack.needles.map { .text(Needle.opening(name: $0.name)) })
    #expect(questions.map(\.id) == haystack.needles.map { .integer($0.index) })
    #expect(questions.allSatisfy { $0.choices == GenerationChoices(maxTokens: 7) })
  }

  @Test func deterministicForASeed() throws {
    func text(seed: UInt64) throws -> [UInt8] {
      try Haystack.make(tokens: 10_000, needles: 8, asked: 3, seed: seed).text
    }
    #expect(try text(seed: 7) == text(seed: 7))
    #expect(try text(seed: 7) != text(seed: 8))
  }

  /// The same needles whatever the length and the question, so that a sweep over them compares like
  /// with like.
  @Test func needlesDependOnTheSeedAlone() throws {
    let short = try Haystack.make(tokens: 1000, needles: 8, asked: 1, seed: 2).needles
    let long = try Haystack.make(tokens: 9000, needles: 8, asked: 8, seed: 2).needles
    #expect(short.map(\.name) == long.map(\.name))
    #expect(short.map(\.passkey) == long.map(\.passkey))
  }

  @Test(arguments: [(0, 8), (9, 8), (-1, 8)])
  func askedOutOfRange(asked: Int, needles: Int) {
    let failure = caughtFailure {
      _ = try Haystack.make(tokens: 10_000, needles: needles, asked: asked, seed: 0)
    }
    #expect(failure?.exitCode == .usage)
  }

  @Test func aMillionBytesInLessThanASecond() throws {
    let duration = try ContinuousClock().measure {
      _ = try Haystack.make(tokens: 1_000_000, needles: 100, seed: 0)
    }
    #expect(duration < .seconds(1))
  }
}
