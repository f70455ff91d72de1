import Foundation

extension Tokenizer {
  /// The tokenizer of the built-in model: a token is a byte, its id the byte's value; 256 is `<s>`,
  /// the beginning of a sequence, and 257 `</s>`, its end.
  public static func bytes() -> Tokenizer {
    do {
      return try Tokenizer(json: bytesJSON(), path: "the built-in tokenizer")
    } catch {
      fatalError("\(error)")
    }
  }

  /// The `tokenizer.json` of `bytes()`, in the format of Hugging Face: a byte-level BPE without
  /// merges.
  public static func bytesJSON() -> Data {
    let vocabulary = ByteLevel.characters.enumerated().map { id, character in
      let escape = character == "\"" || character == "\\" ? "\\" : ""
      return "      \"\(escape)\(character)\": \(id)"
    }
    let addedTokens = [("<s>", 256), ("</s>", 257)].map { content, id in
      """
          {
            "id": \(id),
            "content": "\(content)",
            "single_word": false,
            "lstrip": false,
            "rstrip": false,
            "normalized": false,
            "special": true
          }
      """
    }
    let byteLevel = """
      {
          "type": "ByteLevel",
          "add_prefix_space": false,
          "trim_offsets": true,
          "use_regex": false
        }
      """
    return Data(
      """
      {
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [
      \(addedTokens.joined(separator: ",\n"))
        ],
        "normalizer": null,
        "pre_tokenizer": \(byteLevel),
        "post_processor": null,
        "decoder": \(byteLevel),
        "model": {
          "type": "BPE",
          "dropout": null,
          "unk_token": null,
          "continuing_subword_prefix": null,
          "end_of_word_suffix": null,
          "fuse_unk": false,
          "byte_fallback": false,
          "ignore_merges": false,
          "vocab": {
      \(vocabulary.joined(separator: ",\n"))
          },
          "merges": []
        }
      }

      """.utf8)
  }
}
