import ContextFiles
import Ranks

/// The contexts of questions' own, before any is computed; those that have the same tokens are one. Only rank 0
/// has them.
struct OwnContexts {
  struct Entry {
    /// Behind the common context.
    let tokens: [Int32]
    /// Where it is saved; nil for nowhere.
    fileprivate(set) var saved: FinishedContext?
    /// Keeps a saved one from being taken out of a cache.
    fileprivate(set) var reading: ContextReading?
    /// What a message about it begins with: the first question that has it.
    fileprivate(set) var place: String
  }

  private(set) var entries: [Entry] = []
  /// `[questions]`: the number of each one's; nil for none.
  private(set) var ofQuestion: [Int?] = []

  init() {}

  /// - Parameters:
  ///   - context: the common context's ids.
  ///   - tokens: the ids of a piece, checked against the vocabulary; `role` is whose they are, for messages.
  /// - Throws: `Failure` with file and line of the question.
  init(
    _ texts: InputTexts, behind context: [Int32],
    tokens: (_ piece: InputTexts.Piece, _ role: String) throws -> [Int32]
  ) throws {
    var known: [QuestionText.Own: Int] = [:]
    var numbers: [[Int32]: Int] = [:]
    for question in texts.prompts {
      guard let own = question.own else {
        ofQuestion.append(nil)
        continue
      }
      if known[own] == nil {
        let entry = try Self.entry(own, question.place, behind: context, tokens)
        let number = numbers[entry.tokens] ?? entries.count
        if number == entries.count { entries.append(entry) }
        if entries[number].saved == nil, entry.saved != nil { entries[number] = entry }
        (known[own], numbers[entry.tokens]) = (number, number)
      }
      ofQuestion.append(known[own])
    }
  }

  private static func entry(
    _ own: QuestionText.Own, _ place: String, behind context: [Int32],
    _ tokens: (InputTexts.Piece, String) throws -> [Int32]
  ) throws -> Entry {
    let name = "the question's own context"
    let ids: [Int32]
    switch own {
    case .tokenIDs(let given): ids = try located(place) { try tokens(.tokenIDs(given), name) }
    case .text(let text): ids = try located(place) { try tokens(.text(text, .end), name) }
    case .saved(let path):
      let (saved, all) = try located(place) {
        let directory = ContextDirectory(path: path)
        let saved = try FinishedContext(directory, directory.manifest())
        return (saved, try directory.readTokens(saved.manifest))
      }
      guard all.count > context.count, all.starts(with: context) else {
        throw Failure(
          .badData,
          """
          \(place)the saved context '\(path)' does not begin with all of the common context and go on \
          behind it; give one that does, such as --append and --save make of it
          """)
      }
      guard let reading = ContextReading(of: saved.directory, saved.manifest) else {
        throw Failure(
          .noInput,
          "\(place)the saved context '\(path)' is being removed; name another one, or give its text"
        )
      }
      return Entry(
        tokens: Array(all[context.count...]), saved: saved, reading: reading, place: place)
    }
    guard !ids.isEmpty else {
      throw Failure(.badData, "\(place)\(name) has no token; give one with text, or leave it out")
    }
    return Entry(tokens: ids, place: place)
  }

  /// What `body` returns, or throws, with the place in front of its message.
  ///
  /// - Throws: `Failure`.
  static func located<Value>(_ place: String, _ body: () throws -> Value) throws -> Value {
    do { return try body() } catch { throw Failure(error).at(place) }
  }
}
