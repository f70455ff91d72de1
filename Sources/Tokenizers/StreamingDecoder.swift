/// Turns tokens into text as they come, whole characters at a time: a character whose bytes are
/// spread over several tokens is given when its last byte has come.
///
/// Joined, the texts are what decoding all tokens at once gives, with each ill-formed part as
/// U+FFFD.
public struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skippingSpecialTokens: Bool
  /// The beginning of a character, 0 to 3 bytes.
  private var pending: [UInt8] = []

  public init(_ tokenizer: Tokenizer, skippingSpecialTokens: Bool = true) {
    self.tokenizer = tokenizer
    self.skippingSpecialTokens = skippingSpecialTokens
  }

  /// The text that is certain once `id` has come.
  public mutating func append(_ id: Int32) -> String {
    if skippingSpecialTokens && tokenizer.isSpecial(id) { return "" }
    pending += tokenizer.bytes(of: id)
    let whole = pending.count - UTF8Scan.incompleteTail(of: pending)
    defer { pending.removeFirst(whole) }
    return String(decoding: pending[..<whole], as: UTF8.self)
  }

  /// What is held back, as U+FFFD, since nothing will complete it; the decoder is as new then.
  public mutating func finish() -> String {
    defer { pending = [] }
    return String(decoding: pending, as: UTF8.self)
  }
}
