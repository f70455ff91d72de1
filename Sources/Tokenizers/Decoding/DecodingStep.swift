/// A step from tokens to text. Each takes the texts of the tokens one after the other; behind `fuse`
/// and `byteLevel`, whose results are one text, it takes that text's fragments.
enum DecodingStep: Sendable {
  /// In each token.
  case replace(TextPattern, by: [UInt8])
  /// In the fused text.
  case replaceInText([UInt8], by: [UInt8])
  /// Tokens `<0x00>` to `<0xFF>` in a row are bytes of UTF-8; where they are none as a whole, each
  /// is U+FFFD.
  case byteFallback
  case fuse
  /// Up to `start` times `character` at the beginning of each token, up to `stop` times at its end.
  case strip(character: [UInt8], start: Int, stop: Int)
  /// The same of the fused text.
  case stripText(character: [UInt8], start: Int, stop: Int)
  /// `replacement` is a space; in the first token it is nothing where `dropsFirst` is set.
  case metaspace(replacement: [UInt8], dropsFirst: Bool)
  /// The same where the whole text is the first token.
  case metaspaceInText(replacement: [UInt8], dropsFirst: Bool)
  /// Tokens are written in the byte-level alphabet; their bytes are one text.
  case byteLevel
  /// A space stands between two tokens: the way of files without a decoder.
  case joinBySpaces
}
