import Ranks

/// Reads what the user asks about; the path `-` is standard input.
///
/// All of these throw 66 if the file is not there or is not a file, 69 if it is too large, 74 if it
/// cannot be read, and 65 if it is empty or its content is not what it should be.
package enum ContextReader {
  package static func context(path: String) throws(Failure) -> String {
    try text(path: path, role: "context")
  }

  package static func appended(path: String) throws(Failure) -> String {
    try text(path: path, role: "appended text")
  }

  package static func ownContext(path: String) throws(Failure) -> String {
    try text(path: path, role: "context")
  }

  package static func prompt(path: String) throws(Failure) -> String {
    try text(path: path, role: "prompt file")
  }

  /// Token ids from a JSON array of whole numbers from 0 to 2^31 - 1.
  package static func tokenIds(path: String) throws(Failure) -> [Int32] {
    let role = "token ids"
    let json = try FileReader.bytes(of: path, as: role)
    do {
      var parser = TokenIdParser(json)
      return try parser.tokenIds()
    } catch {
      throw Failure(.badData, "\(FileReader.name(of: path, as: role)): \(error.problem)")
    }
  }

  private static func text(path: String, role: String) throws(Failure) -> String {
    let text = try FileReader.text(of: path, as: role)
    guard !text.isEmpty else {
      throw Failure(.badData, "\(FileReader.name(of: path, as: role)) is empty")
    }
    return text
  }
}
