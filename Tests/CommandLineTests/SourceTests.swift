import CommandLine
import Foundation
import Inference
import Ranks
import Reporting
import RingAttention
import Testing
import Tokenizers

/// Where places of a context stand in its text, and the page that shows them.
@Suite struct SourceTests {
  private func tokens(_ text: String) -> [Int32] { text.utf8.map { Int32($0) } }

  @Test func settings() throws {
    func settings(_ arguments: [String]) throws -> SourceSettings? {
      try GenerateSettings(generateOptions(["--context", "a"] + arguments)).sources
    }
    #expect(try settings([]) == nil)
    #expect(try settings(["--sources", "3"])?.count == 3)
    #expect(try settings(["--sources-html", "p"])?.count == 5)
    #expect(try settings(["--sources", "2", "--sources-html", "p"])?.page == "p")
    for wrong in [
      ["--sources", "3", "--max-tokens", "0"], ["--sources-html", "p", "--max-tokens", "0"],
      ["--sources-html", "p", "--prompts", "q"],
    ] {
      let failure = caughtFailure { _ = try settings(wrong) }
      #expect(failure?.exitCode == .usage, "\(wrong)")
    }
    #expect(try settings(["--sources", "3", "--prompts", "q"])?.count == 3)
    for wrong in ["0", "-1", "101", "x"] {
      #expect(parseFailure(["--context", "a", "--sources", wrong])?.exitCode == .usage)
    }
  }

  @Test func bytesOfAPlainText() {
    let text = "First line.\nThe key is 12345. Then more.\nLast."
    let context = ContextText(tokens(text), .bytes(), text: text, file: text)
    let range = 23..<28
    #expect(context.range(of: range) == range)
    #expect(context.fileRange(of: range) == range)
    #expect(context.line(around: range) == "The key is 12345.")
    #expect(context.line(around: 0..<5) == "First line.")
    #expect(context.line(around: 10..<20) == "First line. The key is 12345.")
    #expect(context.line(around: 42..<46) == "Last.")
  }

  /// Tokens that a tokenizer puts before a text, and a chat template's text around it, are not the
  /// file's.
  @Test func bytesOfAFileInAnotherText() {
    let file = "\n  The key is 12345.\n"
    let text = "<|user|>The key is 12345.<|end|>"
    let context = ContextText([256] + tokens(text), .bytes(), text: text, file: file)
    #expect(context.range(of: 1..<9) == 0..<8)
    #expect(context.fileRange(of: 20..<25) == 14..<19)
    #expect(context.fileRange(of: 0..<12) == 3..<6)
    #expect(context.fileRange(of: 0..<5) == nil)
    let other = ContextText(tokens(text), .bytes(), text: text, file: "another")
    #expect(other.fileRange(of: 0..<5) == nil && other.range(of: 0..<5) == 0..<5)
  }

  /// Ids without a text decode to one; without a tokenizer there is none.
  @Test func bytesOfTokenIDs() {
    let context = ContextText(
      [256] + tokens("Some words. More."), .bytes(), text: nil, file: nil)
    #expect(context.line(around: context.range(of: 13..<16)) == "More.")
    #expect(context.fileRange(of: 2..<4) == nil)
    let none = ContextText(tokens("abc"), nil, text: nil, file: nil)
    #expect(none.line(around: none.range(of: 0..<3)) == "")
    // Tokens of another text than the one that is said.
    let wrong = ContextText(tokens("abc"), .bytes(), text: "abd", file: "abd")
    #expect(wrong.fileRange(of: 0..<3) == nil && wrong.bytes == Array("abc".utf8))
  }

  /// Characters are not cut, and a line does no harm to a terminal.
  @Test func linesAreHarmless() {
    let text = "ä\u{1b}[31mred\u{202e}\u{0}\tend\nnext"
    let context = ContextText(tokens(text), .bytes(), text: text, file: text)
    let line = context.line(around: context.range(of: 1..<6))
    #expect(line == "ä\u{fffd}[31mred\u{fffd}\u{fffd} end")
    let long = String(repeating: "é", count: 3_000)
    let cut = ContextText(tokens(long), .bytes(), text: long, file: long)
      .line(around: 1001..<1033)
    #expect(cut.hasPrefix("…é") && cut.hasSuffix("é…") && cut.utf8.count < 420)
  }

  private func page(_ text: String, warm: [Int: Float]) -> String {
    let context = ContextText(tokens(text), .bytes(), text: text, file: text)
    let passages = ContextPassages(contextTokens: text.utf8.count)
    var token = [PassageScore](repeating: PassageScore(), count: passages.count)
    for (passage, score) in warm { token[passage] = PassageScore(score: score, layer: 0) }
    var tally = PassageTally(passages)
    tally.add(token)
    let places = tally.places(3)
    let page = SourcesPage(
      title: "a & b", answer: "<answer>", text: context, tally: tally, places: places,
      records: places.map {
        SourceRecord(
          tokens: $0.tokens, bytes: $0.tokens, text: context.line(around: $0.tokens),
          share: $0.share, layers: [1])
      })
    return String(decoding: page.html(), as: UTF8.self)
  }

  /// The text is all there, with marks where it is warm, and nothing of it is markup.
  @Test func pageHasTheWholeText() throws {
    let text = (0..<100).map { "Line <b>\($0)</b> & \"more\" of it.\n" }.joined()
    let html = page(text, warm: [20: 8, 70: 1, 90: 0.000_001])
    let start = try #require(html.range(of: "<main><pre>")).upperBound
    let end = try #require(html.range(of: "</pre></main>")).lowerBound
    var shown = String(html[start..<end])
    #expect(shown.ranges(of: "<mark").count == 3)
    #expect(shown.contains("<mark class=\"w8\" id=\"place1\">"))
    #expect(shown.contains("<mark class=\"w4\" id=\"place2\">"))
    for (pattern, text) in [
      ("<mark[^>]*>|</mark>", ""), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&"),
    ] {
      shown = shown.replacingOccurrences(of: pattern, with: text, options: .regularExpression)
    }
    #expect(shown == text)
    #expect(html.contains("<title>a &amp; b</title>") && html.contains("&lt;answer&gt;"))
    #expect(!html.contains("://") && !html.contains("src=") && !html.contains("<b>"))
    #expect(html.contains("href=\"#place1\"") && html.contains("getElementById(\"place1\")"))
  }

  /// Where nothing is warm there is no mark, and characters that no page may have are replaced.
  @Test func pageOfOddText() {
    let html = page("a\u{0}b\r\n\u{202e}ä" + String(repeating: "x", count: 300), warm: [:])
    #expect(html.contains("a\u{fffd}b\n\u{fffd}ä") && !html.contains("<mark class"))
  }
}
