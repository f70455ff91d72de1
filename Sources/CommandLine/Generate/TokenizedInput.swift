import ContextFiles
import Inference
import Ranks
import Reporting

/// The token ids of the context, and of what is asked about it.
struct TokenizedInput {
  /// On every rank.
  var context: [Int32]
  /// On rank 0, of each question.
  let prompts: [[Int32]]
  /// On rank 0: what questions have before them.
  let ownContexts: OwnContexts
  /// On rank 0: how a chat template rendered the context, nil where none did.
  let chat: ContextDescription.Chat?
  /// On rank 0: what was tokenized, and the context file's own text; nil where the context is no text.
  let text: (whole: String, file: String)?
  /// On rank 0: what a reader of the answer ought to know.
  let warnings: [String]

  /// For the ranks that read nothing.
  init() {
    (context, prompts, chat, text, warnings) = ([], [], nil, nil, [])
    ownContexts = OwnContexts()
  }

  /// - Throws: `Failure`, `TokenizerError`.
  init(_ texts: InputTexts, _ outlined: OutlinedModel, display: ProgressDisplay) throws {
    func tokens(_ piece: InputTexts.Piece, of role: String) throws -> [Int32] {
      let ids =
        switch piece {
        case .text(let text, let place): try outlined.encode(text, at: place, display: display)
        case .tokenIDs(let ids): ids
        }
      try Self.check(ids, of: role, outlined)
      return ids
    }
    context = try tokens(texts.context, of: "the context")
    for piece in texts.appended {
      let ids = try tokens(piece, of: "the appended text")
      guard !ids.isEmpty else {
        throw Failure(.badData, "the appended text has no token; give one with text, or none")
      }
      context += ids
    }
    prompts = try texts.prompts.map { try tokens($0.piece, of: $0.name) }
    ownContexts = try OwnContexts(texts, behind: context) { try tokens($0, of: $1) }
    chat = texts.chat
    if case .text(let whole, _) = texts.context, let file = texts.contextFile {
      text = (whole, file)
    } else {
      text = nil
    }
    warnings = texts.warnings
  }

  /// - Parameter role: whose the ids are, for messages.
  /// - Throws: 65 if the vocabulary does not have them all.
  private static func check(
    _ ids: [Int32], of role: String, _ outlined: OutlinedModel
  ) throws(Failure) {
    let vocabulary = outlined.outline.configuration.vocabulary.size
    guard let index = ids.firstIndex(where: { $0 < 0 || Int($0) >= vocabulary }) else { return }
    throw Failure(
      .badData,
      """
      \(role)'s token \(index) is \(ids[index]), the vocabulary of '\(outlined.outline.name)' has \
      the ids 0 to \(vocabulary - 1)
      """)
  }
}
