/// Turns tokens into text as they come, whole characters at a time: what later tokens may still
/// change, such as a character whose bytes are spread over several tokens, is held back.
///
/// Joined, the texts are what decoding all tokens at once gives.
public struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skippingSpecialTokens: Bool
  private var run: DecodingRun

  public init(_ tokenizer: Tokenizer, skippingSpecialTokens: Bool = true) {
    self.tokenizer = tokenizer
    self.skippingSpecialTokens = skippingSpecialTokens
    run = tokenizer.decodingRun
  }

  /// The text that is certain once `id` has come.
  public mutating func append(_ id: Int32) -> String {
    if skippingSpecialTokens && tokenizer.isSpecial(id) { return "" }
    guard let text = tokenizer.text(of: id) else { return "" }
    return String(decoding: run.append(text), as: UTF8.self)
  }

  /// What was held back; the decoder is as new then.
  public mutating func finish() -> String {
    String(decoding: run.finish(), as: UTF8.self)
  }
}
