import ChatTemplates
import Foundation
import Kernels
import Testing

/// Templates with mistakes of every kind end with an error or a text, and soon.
@Suite struct MutationTests {
  private static let pieces = [
    "{{", "}}", "{%", "%}", "{#", "#}", "-", "|", "(", ")", "[", "]", "{", "}", "'", "\"", "\\",
    ".",
    ",", ":", "=", "~", "*", "**", "//", " in ", " not ", " is ", " if ", " else ", " and ", "loop",
    "messages", "namespace()", "range(9)", "None", "9223372036854775807", "-1", "1e308", "\u{0}",
    "é", "😀", "{% endif %}", "{% endfor %}", "{% for x in messages %}", "{% set x = [x] %}",
    "{% macro m(a) %}{% endmacro %}", "{% break %}", "[::-1]", "[1:]", "| map('upper')", "| list",
    "| tojson(indent=2)", ".split('a')", ".items()", "% x", "{% raw %}", "{% filter upper %}",
  ]

  @Test func mutatedTemplates() throws {
    let urls = try FileManager.default.contentsOfDirectory(
      at: fixtureURL("families"), includingPropertiesForKeys: nil
    ).sorted { $0.path < $1.path }
    let sources = try urls.map { Array(try String(contentsOf: $0, encoding: .utf8).unicodeScalars) }
    let rounds =
      ProcessInfo.processInfo.environment["RINGFLASH_MUTATIONS"].flatMap { Int($0) } ?? 2000
    var generator = SplitMix64(seed: 1)
    var rendered = 0
    for round in 0..<rounds {
      var source = sources[round % sources.count]
      for _ in 0..<Int.random(in: 1...4, using: &generator) where !source.isEmpty {
        let place = Int.random(in: 0..<source.count, using: &generator)
        let end = min(source.count, place + Int.random(in: 0...20, using: &generator))
        switch Int.random(in: 0..<4, using: &generator) {
        case 0: source.removeSubrange(place..<end)
        case 1:
          let other = Int.random(in: 0..<source.count, using: &generator)
          source.insert(contentsOf: source[place..<end], at: other)
        default:
          source.insert(
            contentsOf: Self.pieces.randomElement(using: &generator)!.unicodeScalars, at: place)
        }
      }
      var text = String.UnicodeScalarView()
      text.append(contentsOf: source)
      let start = ContinuousClock.now
      do throws(ChatTemplateError) {
        _ = try ChatTemplate(String(text), name: "test").render(
          messages: [
            ChatMessage(.system, "sé"), ChatMessage(.user, " u\n"), ChatMessage(.assistant, "a"),
          ], addGenerationPrompt: round % 2 == 0, variables: ["bos_token": "<s>"])
        rendered += 1
      } catch {
        #expect(error.line > 0 && !error.sentence.isEmpty)
      }
      #expect(ContinuousClock.now - start < .seconds(20), "\(String(text))")
    }
    // Some mistakes do no harm, most do.
    #expect(rendered > rounds / 50 && rendered < rounds)
  }
}
