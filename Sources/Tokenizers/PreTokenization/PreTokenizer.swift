/// A step that cuts a text into words, or changes the text on the way.
enum PreTokenizer: Sendable {
  case split(TextPattern, SplitBehavior, inverted: Bool)
  /// U+0020 becomes `replacement`, one stands before the text as `prepends` says, and where `splits`
  /// is set a word begins with each.
  case metaspace(replacement: [UInt8], prepends: PrependScheme, splits: Bool)
  /// A space stands before a text that begins with none.
  case prefixSpace

  enum PrependScheme: String, Sendable {
    case always, never
    /// Only at the beginning of the whole text.
    case first
  }
}
