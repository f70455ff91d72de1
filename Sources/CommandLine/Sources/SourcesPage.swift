import Foundation
import Inference
import Reporting

/// `--sources-html FILE`: the context's text, the warmer a passage the more it got, and the places as a
/// list; one file that needs nothing else and opens at the strongest place.
package struct SourcesPage {
  let title: String
  let answer: String
  let text: ContextText
  let tally: PassageTally
  /// The strongest first, and as the record has them.
  let places: [SourcePlace]
  let records: [SourceRecord]

  package init(
    title: String, answer: String, text: ContextText, tally: PassageTally, places: [SourcePlace],
    records: [SourceRecord]
  ) {
    self.title = title
    self.answer = answer
    self.text = text
    self.tally = tally
    self.places = places
    self.records = records
  }

  /// Shades of warmth; what is below the first is not shown.
  private static let shades = 8

  package func html() -> Data {
    var page = Data()
    page.append(
      """
      <!DOCTYPE html>
      <html lang="und">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
      style-src 'unsafe-inline'; script-src 'unsafe-inline'">
      <title>\(Self.escaped(title))</title>
      <style>\(Self.style)</style>
      </head>
      <body>
      <aside>
      <h1>\(Self.escaped(title))</h1>
      <blockquote>\(Self.escaped(answer))</blockquote>
      <ol>

      """)
    for (number, record) in records.enumerated() {
      page.append(item(number, record))
    }
    page.append("</ol>\n</aside>\n<main><pre>")
    appendText(to: &page)
    page.append(
      """
      </pre></main>
      <script>\(Self.script)</script>
      </body>
      </html>

      """)
    return page
  }

  private func item(_ number: Int, _ record: SourceRecord) -> String {
    let share = String(format: "%.0f %%", record.share * 100)
    let layers = record.layers.map { "\($0)" }.joined(separator: ", ")
    let words = record.layers.count == 1 ? "layer" : "layers"
    return """
      <li><a href="#place\(number + 1)">\(share)</a> tokens \(record.tokens[0]) to \
      \(record.tokens[1] - 1), \(words) \(layers)<br><q>\(Self.escaped(record.text))</q></li>

      """
  }

  /// The text with a mark around each warm passage, and an anchor where a place begins.
  private func appendText(to page: inout Data) {
    let most = tally.scores.max() ?? 0
    var anchors: [Int: Int] = [:]
    for (number, place) in places.enumerated() { anchors[place.tokens.lowerBound] = number + 1 }
    var end = 0
    for passage in tally.scores.indices {
      let tokens = tally.passages.tokens(of: passage)
      guard !tokens.isEmpty else { continue }
      // A score is a sum of cubes.
      let warmth = most > 0 ? cbrt(tally.scores[passage] / most) : 0
      let shade = Int((warmth * Double(Self.shades)).rounded())
      let anchor = anchors[tokens.lowerBound]
      guard shade > 0 || anchor != nil else { continue }
      let range = text.range(of: tokens)
      page.append(Self.escaped(end..<range.lowerBound, of: text))
      let id = anchor.map { " id=\"place\($0)\"" } ?? ""
      page.append("<mark class=\"w\(shade)\"\(id)>")
      page.append(Self.escaped(range, of: text))
      page.append("</mark>")
      end = range.upperBound
    }
    page.append(Self.escaped(end..<text.bytes.count, of: text))
  }

  private static func escaped(_ range: Range<Int>, of text: ContextText) -> String {
    guard !range.isEmpty else { return "" }
    return escaped(String(decoding: text.bytes[range], as: UTF8.self))
  }

  /// As text of HTML: no markup, and no character that a page may not have.
  static func escaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result.append(contentsOf: "&amp;".unicodeScalars)
      case "<": result.append(contentsOf: "&lt;".unicodeScalars)
      case ">": result.append(contentsOf: "&gt;".unicodeScalars)
      case "\"": result.append(contentsOf: "&quot;".unicodeScalars)
      case "\r": continue
      default: result.append(HarmlessText.harmless(scalar))
      }
    }
    return String(result)
  }

  private static let style = """
    :root { color-scheme: light dark; --warm: 255, 120, 0 }
    body { margin: 0; display: flex; font: 15px/1.5 system-ui, sans-serif }
    aside { flex: 0 0 22rem; height: 100vh; overflow: auto; position: sticky; top: 0; \
    padding: 1rem; box-sizing: border-box; border-right: 1px solid #8886 }
    h1 { font-size: 1rem } blockquote { margin: 0; white-space: pre-wrap; font-weight: 600 }
    ol { padding-left: 1.5rem } li { margin: .7rem 0 } q { opacity: .75; overflow-wrap: anywhere }
    main { flex: 1; min-width: 0; padding: 1rem 2rem }
    pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; \
    font: 14px/1.6 ui-monospace, monospace }
    mark { color: inherit; background: none; scroll-margin: 40vh }
    mark[id] { outline: 1px solid rgb(var(--warm)) } mark:target { outline-width: 3px }
    \((1...shades).map {
      ".w\($0) { background: rgba(var(--warm), \(Double($0 * 80 / shades) / 100)) }"
    }.joined(separator: " "))
    @media (max-width: 50rem) { body { display: block } aside { position: static; height: auto } }
    """

  /// To the strongest place, unless the address names another one.
  private static let script = """
    if (!location.hash) document.getElementById("place1")?.scrollIntoView({block: "center"});
    """
}

extension Data {
  fileprivate mutating func append(_ text: String) { append(contentsOf: text.utf8) }
}
