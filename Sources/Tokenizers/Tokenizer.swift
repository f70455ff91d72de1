/// Text to token ids and back, as a Hugging Face `tokenizer.json` says.
///
/// The ids are those that Hugging Face's library `tokenizers` gives. Encoding is a pipeline: added
/// tokens are found in the text, what lies between is normalized and cut into words, and the model
/// encodes each word.
public final class Tokenizer: Sendable {
  /// The highest id that is read: far above any vocabulary in use, low enough for a table.
  static let highestIdentifier: Int32 = (1 << 24) - 1

  private let pipeline: Pipeline
  private let vocabulary: TokenIndex
  private let addedTokens: AddedTokens
  private let decodingSteps: [DecodingStep]
  /// One more than the highest token id.
  public let vocabularySize: Int

  init(
    pipeline: Pipeline, vocabulary: TokenIndex, addedTokens: AddedTokens,
    decodingSteps: [DecodingStep]
  ) {
    self.pipeline = pipeline
    self.vocabulary = vocabulary
    self.addedTokens = addedTokens
    self.decodingSteps = decodingSteps
    vocabularySize = max(
      vocabulary.identifierCount, addedTokens.tokens.map { Int($0.id) + 1 }.max() ?? 0)
  }

  /// The id of an added token such as `</s>`, or nil where the tokenizer has none of this text.
  public func identifier(of specialToken: String) -> Int32? {
    addedTokens.identifier(of: specialToken)
  }

  /// The bytes that the token stands for within a text, an added token's text included; empty where
  /// no token has the id. They need not be whole characters.
  public func bytes(of id: Int32) -> [UInt8] {
    guard var bytes = text(of: id) else { return [] }
    for step in decodingSteps { bytes = step.bytes(ofToken: bytes) }
    return bytes
  }

  /// Whether the token is marked as special: a sign for the model, no part of a text.
  public func isSpecial(_ id: Int32) -> Bool {
    addedTokens.specialIdentifiers.contains(id)
  }

  /// The token ids of a text in UTF-8. A character that the vocabulary has no tokens for, and no
  /// token for unknown ones, is left out.
  ///
  /// - Parameters:
  ///   - addingSpecialTokens: whether the tokens that the file wants around a text, such as the one
  ///     that begins a sequence, are added.
  ///   - continuing: whether the text goes on where another one ends, so that what the file puts before
  ///     a text, such as the space of SentencePiece, is not put there.
  ///   - onProgress: is told at least every few hundred kilobytes of text what fraction is done, and
  ///     1 at the end. A word of megabytes, without a place to cut it, is one step.
  ///
  /// Throws `TokenizerError`: `malformed`, naming the offset, where the text is not UTF-8;
  /// `unsupported` for a text of 2^31 bytes or more and where a regular expression cannot be matched.
  public func encode(
    _ utf8: some Collection<UInt8>, addingSpecialTokens: Bool = false, continuing: Bool = false,
    onProgress: ((Double) -> Void)? = nil
  ) throws -> [Int32] {
    func encode(_ text: UnsafeBufferPointer<UInt8>) throws -> [Int32] {
      try Self.check(text)
      let run = EncodingRun(pipeline, text, continuing: continuing, onProgress: onProgress)
      try run.encode()
      guard addingSpecialTokens else { return run.identifiers }
      return pipeline.postProcessors.reduce(run.identifiers) { $1.processed($0) }
    }
    if let identifiers = try utf8.withContiguousStorageIfAvailable(encode) { return identifiers }
    return try Array(utf8).withUnsafeBufferPointer(encode)
  }

  /// The text of the tokens. Ids that no token has stand for nothing; what is no UTF-8 is U+FFFD.
  public func decode(_ identifiers: [Int32], skippingSpecialTokens: Bool) -> String {
    var run = decodingRun
    var bytes: [UInt8] = []
    for id in identifiers where !(skippingSpecialTokens && isSpecial(id)) {
      if let text = text(of: id) { bytes += run.append(text) }
    }
    bytes += run.finish()
    return String(decoding: bytes, as: UTF8.self)
  }

  /// A new run of the decoder.
  var decodingRun: DecodingRun { DecodingRun(decodingSteps) }

  /// The token as the file writes it, which the decoder makes text of; nil where none has the id.
  func text(of id: Int32) -> [UInt8]? {
    addedTokens.texts[id] ?? vocabulary.bytes(of: id).map { Array($0) }
  }

  private static func check(_ text: UnsafeBufferPointer<UInt8>) throws {
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
  }
}
