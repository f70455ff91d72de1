/// Text to token ids and back, as a Hugging Face `tokenizer.json` says.
///
/// Encoding is a pipeline: added tokens are found in the text, and the model encodes each piece
/// between them. Decoding joins the tokens' bytes.
public final class Tokenizer: Sendable {
  private let vocabulary: Vocabulary
  /// Applied one after the other, each to what the one before left.
  private let addedTokens: [AddedTokenMatcher]
  private let model: BytePairEncoder

  init(vocabulary: Vocabulary, addedTokens: [AddedTokenMatcher], model: BytePairEncoder) {
    self.vocabulary = vocabulary
    self.addedTokens = addedTokens
    self.model = model
  }

  /// One more than the highest token id.
  public var vocabularySize: Int { vocabulary.count }

  /// The id of an added token such as `</s>`, or nil where the tokenizer has none of this text.
  public func identifier(of specialToken: String) -> Int32? {
    vocabulary.identifier(ofAdded: specialToken)
  }

  /// The bytes that the token stands for, an added token's text included; empty where no token has
  /// the id.
  public func bytes(of id: Int32) -> [UInt8] {
    vocabulary.bytes(of: id)
  }

  /// Whether the token is marked as special: a sign for the model, no part of a text.
  public func isSpecial(_ id: Int32) -> Bool {
    vocabulary.isSpecial(id)
  }

  /// The token ids of a text in UTF-8. Nothing is added at its beginning or end.
  ///
  /// Throws `TokenizerError`: `malformed`, naming the offset, where the text is not UTF-8;
  /// `unsupported` for a text of 2^31 bytes or more and for a byte that the vocabulary lacks.
  public func encode(_ utf8: some Collection<UInt8>) throws -> [Int32] {
    if let identifiers = try utf8.withContiguousStorageIfAvailable(encodeBuffer) {
      return identifiers
    }
    return try Array(utf8).withUnsafeBufferPointer(encodeBuffer)
  }

  /// The bytes of the tokens, one after the other. Ids that no token has stand for nothing.
  public func decode(_ identifiers: [Int32], skippingSpecialTokens: Bool) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(identifiers.count)
    for id in identifiers where !(skippingSpecialTokens && isSpecial(id)) {
      bytes += self.bytes(of: id)
    }
    return bytes
  }

  private func encodeBuffer(_ text: UnsafeBufferPointer<UInt8>) throws -> [Int32] {
    guard text.count < 1 << 31 else {
      throw TokenizerError(
        .unsupported, "a text of \(text.count) bytes is too long to encode; the limit is 2147483647"
      )
    }
    if let offset = UTF8Scan.firstInvalidByte(in: text) {
      throw TokenizerError(
        .malformed,
        "the text is not UTF-8: the byte 0x\(String(text[offset], radix: 16)) at offset "
          + "\(offset) begins no character; convert the text to UTF-8")
    }
    var identifiers: [Int32] = []
    identifiers.reserveCapacity(text.count)
    try encode(text, range: 0..<text.count, matching: addedTokens[...], into: &identifiers)
    return identifiers
  }

  private func encode(
    _ text: UnsafeBufferPointer<UInt8>, range: Range<Int>,
    matching matchers: ArraySlice<AddedTokenMatcher>, into identifiers: inout [Int32]
  ) throws {
    guard let matcher = matchers.first else {
      try model.encode(text, range: range, into: &identifiers)
      return
    }
    var rest = range
    while let match = matcher.firstMatch(in: text, range: rest) {
      try encode(
        text, range: rest.lowerBound..<match.range.lowerBound, matching: matchers.dropFirst(),
        into: &identifiers)
      identifiers.append(match.id)
      rest = match.range.upperBound..<rest.upperBound
    }
    try encode(text, range: rest, matching: matchers.dropFirst(), into: &identifiers)
  }
}
