import Foundation
import Reporting
import Testing

@Suite struct AnswerRecordTests {
  private func record(_ id: QuestionID, text: String = "a/b\n") -> AnswerRecord {
    AnswerRecord(
      id: id, fingerprint: "0123456789abcdef", text: text, tokenIDs: [5, 6],
      finishReason: .stop, tokens: .init(prompt: 3, generated: 2), logitsDigest: "feed")
  }

  @Test func isOneLineOfTheDocumentedKeys() throws {
    let json = String(decoding: try record(.text("x")).json(), as: UTF8.self)
    #expect(
      json == """
        {"fingerprint":"0123456789abcdef","finish_reason":"stop","id":"x","logits_digest":"feed",\
        "text":"a/b\\n","token_ids":[5,6],"tokens":{"generated":2,"prompt":3}}

        """)
    #expect(json.hasPrefix(AnswerRecord.beginning))
    let own = AnswerRecord.Tokens(context: 9, prompt: 3, generated: 2)
    #expect(
      String(decoding: try JSONEncoder().encode(own), as: UTF8.self).contains("\"context\":9"))
  }

  @Test(
    arguments: [
      .integer(0), .integer(.min), .integer(.max), .text(""), .text("7"), .text("\u{0}\"\u{1F600}"),
    ] as [QuestionID])
  func survivesARoundTrip(id: QuestionID) throws {
    let original = record(id, text: "\u{2028}\u{0}é")
    let json = try original.json()
    #expect(json.count { $0 == 0x0a } == 1)
    #expect(try JSONDecoder().decode(AnswerRecord.self, from: json) == original)
  }

  @Test func idsAreToldApart() {
    #expect(QuestionID.text("7") != .integer(7))
    #expect(QuestionID.text("\u{e9}") != .text("e\u{301}"))
    #expect(Set([QuestionID.text("\u{e9}"), .text("e\u{301}"), .text("\u{e9}")]).count == 2)
    #expect("\(QuestionID.integer(-7)) \(QuestionID.text("a\n"))" == "-7 \"a\\n\"")
    #expect("\(QuestionID.text(String(repeating: "a", count: 90)))".count == 43)
  }
}

@Suite struct AnswerSourceTests {
  private let place = SourceRecord(
    tokens: 16..<48, bytes: 20..<90, text: "The key is 12345.", share: 0.834, layers: [5, 2])

  @Test func list() {
    let ids = SourceRecord(tokens: 64..<80, bytes: nil, text: "", share: 0.04, layers: [1])
    #expect(
      AnswerSources(answer: [place, ids]).list() == """
        sources
          1.  83 %  tokens 16 to 47, layers 5, 2: The key is 12345.
          2.   4 %  tokens 64 to 79, layer 1

        """)
    #expect(AnswerSources().list().hasPrefix("sources\n  none: "))
  }

  @Test func standInAnAnswersLineWhereTheyAreAskedFor() throws {
    func line(_ sources: [SourceRecord]?) throws -> String {
      let record = AnswerRecord(
        id: .integer(1), fingerprint: "f", text: "t", tokenIDs: [5], finishReason: .stop,
        tokens: .init(prompt: 3, generated: 1), logitsDigest: "feed", sources: sources)
      return String(decoding: try record.json(), as: UTF8.self)
    }
    #expect(try !line(nil).contains("sources"))
    let text = """
      {"bytes":[20,90],"layers":[5,2],"share":0.834,"text":"The key is 12345.","tokens":[16,48]}
      """
    #expect(try line([place]).contains("\"sources\":[\(text)]"))
    #expect(try line([]).contains("\"sources\":[]"))
  }
}
