import JSON
import Ranks

extension PromptLine.Context {
  private enum Key: String, CaseIterable {
    case text, file, saved
    case tokenIDs = "token_ids"
  }

  /// - Parameter document: the object under `context`.
  /// - Throws: `Failure` with 65, `JSONError`.
  init(_ document: JSONDocument) throws {
    try document.checkKeys(among: Key.allCases.map(\.rawValue))
    let given = Key.allCases.filter { document.contains($0.rawValue) }
    guard let key = given.first, given.count == 1 else {
      let names = Key.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw Failure(
        .badData,
        """
        \(document.path): "context" has \(given.isEmpty ? "none" : "\(given.count)") of \(names); give \
        one of them
        """)
    }
    func string() throws -> String {
      let text = try document.string(key.rawValue)
      guard !text.isEmpty else {
        throw document.failure(
          key.rawValue, "is empty; write something there, or leave out \"context\"")
      }
      return text
    }
    switch key {
    case .text: self = .text(try string())
    case .file:
      let path = try string()
      guard path != "-" else {
        throw document.failure(
          key.rawValue, "is standard input, which questions cannot share; name a file")
      }
      self = .file(path)
    case .saved: self = .saved(try string())
    case .tokenIDs:
      let ids = try document.tokenIDs(try document.integers(key.rawValue), of: key.rawValue)
      guard !ids.isEmpty else {
        throw document.failure(
          key.rawValue, "is empty; give one at least, or leave out \"context\"")
      }
      self = .tokenIDs(ids)
    }
  }
}

extension JSONDocument {
  /// - Throws: `Failure` with 65 for a key that is none of those.
  func checkKeys(among known: [String]) throws(Failure) {
    for key in keys where !known.contains(key) {
      let name = key.count > 40 ? "\(key.prefix(40))…" : key
      let nearest = key.count > 40 ? nil : nearestName(to: key, among: known)
      throw Failure(
        .badData,
        "\(path): unknown key \"\(prefix)\(name)\""
          + (nearest.map { ", did you mean \"\($0)\"?" }
            ?? "; the keys are \(known.sorted().joined(separator: ", "))"))
    }
  }

  /// - Throws: `Failure` with 65 for a number that can be no id.
  func tokenIDs(_ ids: [Int], of key: String) throws(Failure) -> [Int32] {
    var tokens: [Int32] = []
    for (index, id) in ids.enumerated() {
      guard let token = Int32(exactly: id), token >= 0 else {
        throw failure(
          key, "has \(id) as element \(index), token ids are 0 to \(Int32.max); correct it")
      }
      tokens.append(token)
    }
    return tokens
  }

  func failure(_ key: String, _ problem: String) -> Failure {
    Failure(.badData, "\(path): \"\(prefix)\(key)\" \(problem)")
  }
}
