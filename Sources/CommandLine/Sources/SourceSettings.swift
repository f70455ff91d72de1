import Ranks

/// What `--sources` and `--sources-html` say.
package struct SourceSettings: Codable, Equatable, Sendable {
  /// `--sources-html` asks for so many where nothing else is said.
  package static let standardCount = 5

  /// How many places are reported.
  package var count: Int
  /// The page with the context's text.
  package var page: String?

  /// Nil where neither is given.
  ///
  /// - Throws: 64 if options do not go together.
  init?(_ options: GenerateOptions) throws(Failure) {
    guard options.sources != nil || options.sourcesHTML != nil else { return nil }
    count = options.sources ?? Self.standardCount
    page = options.sourcesHTML
    let name = options.sources == nil ? "sources-html" : "sources"
    guard options.maxTokens != 0 else {
      throw Failure(
        .usage,
        "--\(name) says where an answer comes from, and --max-tokens 0 gives none; leave one out")
    }
    guard page == nil || options.prompts == nil else {
      throw Failure(
        .usage,
        "--sources-html is the page of one answer, leave it out or ask with --prompt")
    }
  }
}
