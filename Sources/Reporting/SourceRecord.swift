import Foundation

/// A place of the context that an answer, or one of its tokens, comes from.
public struct SourceRecord: Codable, Equatable, Sendable {
  /// Positions in the context: the first token's, and that behind the last one.
  public let tokens: [Int]
  /// The same in bytes of the context file; empty where the context is no text, or its tokens are those
  /// of another text than the file's.
  public let bytes: [Int]
  /// The place and what is around it on its line, on one line.
  public let text: String
  /// The place's part of what the whole context got, up to 1.
  public let share: Double
  /// The layers that it got most of it from, counted from 1.
  public let layers: [Int]

  public init(tokens: Range<Int>, bytes: Range<Int>?, text: String, share: Double, layers: [Int]) {
    self.tokens = [tokens.lowerBound, tokens.upperBound]
    self.bytes = bytes.map { [$0.lowerBound, $0.upperBound] } ?? []
    self.text = text
    self.share = share
    self.layers = layers
  }
}

/// Where an answer comes from, the place that got most first.
public struct AnswerSources: Equatable, Sendable {
  /// Of the answer as a whole.
  public let answer: [SourceRecord]
  /// Of each token that was chosen.
  public let tokens: [[SourceRecord]]

  public init(answer: [SourceRecord] = [], tokens: [[SourceRecord]] = []) {
    self.answer = answer
    self.tokens = tokens
  }

  /// A short list for a person; its lines end with a newline each. For example
  ///
  ///     sources
  ///       1.  83 %  tokens 512 to 559, layer 5: The secret passkey of Ada is 4821356.
  public func list() -> String {
    guard !answer.isEmpty else { return "sources\n  none: nothing of the context stands out\n" }
    let lines = answer.enumerated().map { index, place in
      let share = String(format: "%3.0f %%", place.share * 100)
      let layers = place.layers.map { "\($0)" }.joined(separator: ", ")
      return "  \(index + 1). \(share)  tokens \(place.tokens[0]) to \(place.tokens[1] - 1), "
        + "layer\(place.layers.count == 1 ? "" : "s") \(layers)"
        + (place.text.isEmpty ? "" : ": \(place.text)") + "\n"
    }
    return "sources\n" + lines.joined()
  }
}
