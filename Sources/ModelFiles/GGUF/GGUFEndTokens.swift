import Files
import JSON

/// The tokens at the ends of sequences, as `bos_token_id` and `eos_token_id` say them.
enum GGUFEndTokens {
  /// What ends a turn of a chat, in files that do not say its id.
  private static let turnEnds = ["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<turn|>"]
  /// What ends an answer of gpt-oss, whose `<|end|>` ends one message of several.
  private static let answerEnds = ["<|return|>", "<|call|>"]

  /// - Throws: `FileError`.
  static func members(
    _ metadata: GGUFMetadata, _ architecture: GGUFArchitecture
  ) throws -> [(key: String, value: JSONValue)] {
    func token(_ name: String) throws -> Int? {
      try metadata.integer("tokenizer.ggml.\(name)_token_id")
    }
    let named = try [token("eos"), token("eot"), token("eom")].compactMap(\.self)
    let further: [Int] =
      if architecture.name == "gpt-oss" {
        try ids(of: answerEnds, metadata)
      } else if try token("eot") == nil {
        try Array(ids(of: turnEnds, metadata).prefix(1))
      } else {
        []
      }
    let ends = named + further
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

  /// The ids of the tokens that are one of the texts, in order.
  private static func ids(of texts: [String], _ metadata: GGUFMetadata) throws -> [Int] {
    var ids: [Int] = []
    _ = try metadata.forEachString("tokenizer.ggml.tokens") { index, bytes in
      if texts.contains(where: { bytes.elementsEqual($0.utf8) }) { ids.append(index) }
    }
    return ids
  }
}
