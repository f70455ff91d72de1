import Kernels
import Testing
import Tokenizers

struct StopMatcherTests {
  /// What may be let through of `text`, and the stop text that ends it, by trying every place in
  /// turn.
  private func reference(_ text: [UInt8], _ stops: [[UInt8]]) -> (given: [UInt8], stop: [UInt8]?) {
    for end in 0...text.count {
      let found = stops.filter { text[..<end].suffix($0.count).elementsEqual($0) }
      if let longest = found.max(by: { $0.count < $1.count }) {
        return (Array(text[..<(end - longest.count)]), longest)
      }
    }
    let held = (0...text.count).last { length in
      stops.contains { $0.starts(with: text.suffix(length)) }
    }
    return (Array(text.dropLast(held ?? 0)), nil)
  }

  /// Feeds `pieces` and checks after each what was let through so far.
  private func check(_ pieces: [String], _ stops: [String]) throws {
    var matcher = StopMatcher(try StopTexts(stops))
    var text = ""
    var given = ""
    for piece in pieces {
      text += piece
      given += matcher.append(piece)
      let expected = reference(Array(text.utf8), stops.map { Array($0.utf8) })
      #expect(Array(given.utf8) == expected.given, "\(pieces) with \(stops), after \(text)")
      #expect(
        matcher.match.map { Array($0.utf8) } == expected.stop,
        "\(pieces) with \(stops), after \(text)")
    }
    let rest = matcher.finish()
    #expect(matcher.match == nil ? given + rest == text : rest == "", "\(pieces) with \(stops)")
  }

  /// The pieces of `text` cut after each character whose bit is set in `split`.
  private func pieces(_ text: String, split: Int) -> [String] {
    var pieces = [""]
    for (index, character) in text.unicodeScalars.enumerated() {
      pieces[pieces.count - 1].unicodeScalars.append(character)
      if split >> index & 1 == 1 { pieces.append("") }
    }
    return pieces
  }

  @Test func everySplitOfATextGivesTheSame() throws {
    let cases: [(text: String, stops: [String])] = [
      ("one STOP two", ["STOP"]), ("aabaaabaab", ["aaab"]), ("abababac", ["ababac", "bac"]),
      ("xabcd", ["abcde", "c"]), ("xabcd", ["bc", "abc", "c"]), ("nothing", ["x", "hings"]),
      ("line\r\nnext", ["\n"]), ("né è ê", ["ê"]), ("🙂🙃🙂🙂", ["🙂🙂"]), ("e\u{301}e", ["e"]),
      ("abc", []),
    ]
    for (text, stops) in cases {
      for split in 0..<(1 << (text.unicodeScalars.count - 1)) {
        try check(pieces(text, split: split), stops)
      }
    }
  }

  @Test func randomTextsOfTwoLettersGiveWhatTryingEveryPlaceGives() throws {
    var generator = SplitMix64(seed: 3)
    func word(_ lengths: ClosedRange<Int>) -> String {
      String(
        (0..<Int.random(in: lengths, using: &generator)).map { _ in
          "ab".randomElement(using: &generator)!
        })
    }
    for _ in 0..<5_000 {
      let stops = (0..<Int.random(in: 1...3, using: &generator)).map { _ in word(1...6) }
      try check(pieces(word(0...12), split: Int.random(in: 0..<4096, using: &generator)), stops)
    }
  }

  @Test func nothingIsLetThroughAfterAMatch() throws {
    var matcher = StopMatcher(try StopTexts(["</s>"]))
    #expect(matcher.append("answer</") == "answer")
    #expect(matcher.append("s>more") == "")
    #expect(matcher.match == "</s>")
    #expect(matcher.append("still more") == "")
    #expect(matcher.finish() == "")
  }

  @Test func aTextCanGoOnAfterWhatWasHeldBackIsGiven() throws {
    var matcher = StopMatcher(try StopTexts(["abc"]))
    #expect(matcher.append("xab") == "x")
    #expect(matcher.finish() == "ab")
    #expect(matcher.append("c") == "c")
    #expect(matcher.append("abc") == "")
    #expect(matcher.match == "abc")
  }

  @Test func anEmptyStopTextIsRefused() {
    let error = #expect(throws: TokenizerError.self) { try StopTexts(["a", ""]) }
    #expect(error?.kind == .invalidOption)
  }

  /// To compare each with what comes would take a thousand million steps here, and the few seconds of
  /// an unoptimized build for some millions.
  @Test(.timeLimit(.minutes(1))) func aHundredThousandStopTextsAreLookedForTogether() throws {
    let stops = (0..<100_000).map { "stop at \($0)!" }
    var matcher = StopMatcher(try StopTexts(stops))
    let text = String(repeating: "stop at 12345, stop at 99999x, ", count: 400)
    var given = matcher.append(text)
    #expect(given == text)
    given = matcher.append("then stop at 4") + matcher.append("2!? stop at 7!")
    #expect(given == "then " && matcher.match == "stop at 42!")
  }

  @Test func aStopTextGivenTwiceIsFound() throws {
    try check(["abxa", "bab"], ["ba", "ab", "ba", "ab"])
  }
}
