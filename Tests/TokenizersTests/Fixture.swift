import Foundation
import Testing
import Tokenizers

/// A byte-level BPE and what Hugging Face's `tokenizers` makes of some texts with it; see
/// `make_fixtures.py`.
enum Fixture {
  struct Case: Decodable {
    let text: String
    let identifiers: [Int32]
    let identifiersIgnoringMerges: [Int32]
    let decoded: String
    let decodedWithoutSpecial: String
  }

  static let tokenizerPath = path("small-bpe.json")

  static func cases() throws -> [Case] {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let data = try Data(contentsOf: URL(fileURLWithPath: path("small-bpe-expected.json")))
    return try decoder.decode([Case].self, from: data)
  }

  /// The fixture's tokenizer file after `change`.
  static func json(_ change: (inout [String: Any]) -> Void) throws -> Data {
    try changed(Data(contentsOf: URL(fileURLWithPath: tokenizerPath)), change)
  }

  static func changed(_ json: Data, _ change: (inout [String: Any]) -> Void) throws -> Data {
    var object = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
    change(&object)
    return try JSONSerialization.data(withJSONObject: object)
  }

  static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures/\(name)").path
  }
}

/// Changes the object under `key` in place.
func update(_ object: inout [String: Any], _ key: String, _ change: (inout [String: Any]) -> Void) {
  var value = object[key] as? [String: Any] ?? [:]
  change(&value)
  object[key] = value
}
