import Tokenizers

/// The generated text as it comes: whole characters, up to a stop text. Only rank 0 uses it.
struct AnswerText {
  private(set) var text = ""
  private var decoder: StreamingDecoder?
  private var matcher: StopMatcher
  private let streams: Bool

  /// - Parameters:
  ///   - tokenizer: nil where the model has none; the text is empty then.
  ///   - streams: whether the text is written to standard output as it comes.
  init(tokenizer: Tokenizer?, stopTexts: StopTexts, streams: Bool) {
    decoder = tokenizer.map { StreamingDecoder($0) }
    matcher = StopMatcher(stopTexts)
    self.streams = streams
  }

  /// Takes a token; says whether more are wanted.
  ///
  /// - Throws: `Failure` if standard output cannot be written.
  mutating func append(_ token: Int32) throws -> Bool {
    guard let piece = decoder?.append(token) else { return true }
    try emit(matcher.append(piece))
    return matcher.match == nil
  }

  /// Lets out what was held back, and ends the line.
  mutating func finish() throws {
    if matcher.match == nil {
      try emit(matcher.append(decoder?.finish() ?? ""))
      try emit(matcher.finish())
    }
    if streams, !text.isEmpty, !text.hasSuffix("\n") { try StandardOutput.write("\n") }
  }

  private mutating func emit(_ piece: String) throws {
    guard !piece.isEmpty else { return }
    text += piece
    if streams { try StandardOutput.write(piece) }
  }
}
