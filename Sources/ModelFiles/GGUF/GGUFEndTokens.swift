import Files
import JSON

/// The tokens at the ends of sequences, as `bos_token_id` and `eos_token_id` say them.
enum GGUFEndTokens {
  /// What ends a turn of a chat, in files that do not say its id.
  private static let turnEnds = ["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>"]

  /// - Throws: `FileError`.
  static func members(_ metadata: GGUFMetadata) throws -> [(key: String, value: JSONValue)] {
    func token(_ name: String) throws -> Int? {
      try metadata.integer("tokenizer.ggml.\(name)_token_id")
    }
    let endOfTurn = try token("eot") ?? unnamedEndOfTurn(metadata)
    let ends = try [token("eos"), endOfTurn, token("eom")].compactMap(\.self)
    return [
      ("bos_token_id", try token("bos").map { .integer($0) } ?? .null),
      (
        "eos_token_id",
        .array(
          ends.enumerated().filter { !ends[..<$0.offset].contains($0.element) }
            .map { .integer($0.element) })
      ),
    ]
  }

  private static func unnamedEndOfTurn(_ metadata: GGUFMetadata) throws -> Int? {
    var first: Int?
    _ = try metadata.forEachString("tokenizer.ggml.tokens") { index, bytes in
      if first == nil, turnEnds.contains(where: { bytes.elementsEqual($0.utf8) }) { first = index }
    }
    return first
  }
}
