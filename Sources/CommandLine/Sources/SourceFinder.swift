import Inference
import Reporting
import RingAttention

/// Finds where answers come from while they are given. Only rank 0 uses it.
final class SourceFinder {
  /// An answer under way.
  private struct Open {
    var tally: PassageTally
    /// Of the token that was chosen last, until it is known whether it belongs to the answer.
    var pending: [PassageScore] = []
    var tokens: [[SourcePlace]] = []
  }

  private let settings: SourceSettings
  private let text: ContextText
  private let passages: ContextPassages
  /// Lines by their places, since most tokens of an answer come from a few.
  private var lines: [Range<Int>: String] = [:]
  private var open: [Int: Open] = [:]
  /// Of the last answer that was done, where a page is wanted of it.
  private var finished: (tally: PassageTally, places: [SourcePlace])?

  init(_ settings: SourceSettings, _ text: ContextText, contextTokens: Int) {
    self.settings = settings
    self.text = text
    passages = ContextPassages(contextTokens: contextTokens)
  }

  /// Takes what the next token of answer number `index` comes from.
  func receive(_ scores: [PassageScore], of index: Int) {
    var token = PassageTally(passages)
    token.add(scores)
    open[index, default: begin()].tokens.append(token.places(settings.count))
    open[index]!.pending = scores
  }

  /// Says that this token is one of the answer. One that ends the sequence is none: where the model looks
  /// for it says nothing of the answer.
  func countToken(of index: Int) {
    guard let pending = open[index]?.pending else { return }
    open[index]!.tally.add(pending)
  }

  func end(_ index: Int) -> AnswerSources {
    let done = open.removeValue(forKey: index) ?? begin()
    let places = done.tally.places(settings.count)
    if settings.page != nil { finished = (done.tally, places) }
    return AnswerSources(
      answer: places.map(record), tokens: done.tokens.map { $0.map(record) })
  }

  /// The page of the last answer that was done; nil for none.
  func page(title: String, answer: String) -> SourcesPage? {
    finished.map {
      SourcesPage(
        title: title, answer: answer, text: text, tally: $0.tally, places: $0.places,
        records: $0.places.map(record))
    }
  }

  private func begin() -> Open { Open(tally: PassageTally(passages)) }

  private func record(_ place: SourcePlace) -> SourceRecord {
    let line = lines[place.tokens] ?? text.line(around: text.range(of: place.tokens))
    lines[place.tokens] = line
    return SourceRecord(
      tokens: place.tokens, bytes: text.fileRange(of: place.tokens), text: line, share: place.share,
      layers: place.layers.map { $0 + 1 })
  }
}
