import Foundation
import Tokenizers

/// SentencePiece vocabularies and what SentencePiece makes of texts with them; see `make_pieces.py`.
struct PieceFixture: Decodable {
  struct Vocabulary: Decodable {
    let addsSpacePrefix: Bool
    let tokens: [String]
    let scores: [Float]
    let types: [Int32]
    /// For each text the number of its ids, and their hash.
    let counts: [Int]
    let hashes: [String]
  }

  let texts: [String]
  let vocabularies: [String: Vocabulary]

  init() throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let data = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("pieces.json")))
    self = try decoder.decode(Self.self, from: data)
  }
}

extension GGUFVocabulary {
  /// As a GGUF file would have it. The tokens 0 to 2 are the unknown one and those around a text.
  init(_ pieces: PieceFixture.Vocabulary) {
    self.init(path: "model.gguf")
    model = "llama"
    wordRule = "default"
    addsSpacePrefix = pieces.addsSpacePrefix
    tokens = pieces.tokens.map { Array($0.utf8) }
    scores = pieces.scores
    types = pieces.types
  }

  /// The tokenizer of the family `name` as a GGUF file would have it: of its `tokenizer.json` the
  /// vocabulary and the merges, in place of everything else the name of a rule.
  init(family name: String, wordRule: String) throws {
    self.init(path: "model.gguf")
    let data = try Data(contentsOf: URL(fileURLWithPath: Fixture.path("families/\(name).json")))
    let file = try JSONSerialization.jsonObject(with: data) as! [String: Any]
    let model = file["model"] as! [String: Any]
    let added = file["added_tokens"] as! [[String: Any]]
    let vocabulary = model["vocab"] as! [String: Int]
    let count =
      max(
        vocabulary.values.max()!, added.map { $0["id"] as! Int }.max()!) + 1
    // Ids without a token are filled up, and marked so.
    var tokens = (0..<count).map { Array("[PAD\($0)]".utf8) }
    var types = [Int32](repeating: 5, count: count)
    for (token, id) in vocabulary { (tokens[id], types[id]) = (Array(token.utf8), 1) }
    for token in added {
      let id = token["id"] as! Int
      tokens[id] = Array((token["content"] as! String).utf8)
      types[id] = token["special"] as! Bool ? 3 : 4
    }
    self.model = "gpt2"
    self.wordRule = wordRule
    self.tokens = tokens
    self.types = types
    merges = (model["merges"] as! [Any]).map {
      Array(($0 as? String ?? ($0 as! [String]).joined(separator: " ")).utf8)
    }
  }
}
