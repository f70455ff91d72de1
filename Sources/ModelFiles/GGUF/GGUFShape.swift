import Files

/// The sizes of a GGUF model.
struct GGUFShape {
  let hiddenSize: Int
  let queryHeads: Int
  let keyValueHeads: Int
  let headDimension: Int
  /// Coordinates of a head that are rotated.
  let rotaryDimension: Int
  let positions: Int
  let vocabulary: Int
  /// Of the layers without a window, where those with one have the sizes above and all may differ.
  let global: GGUFGlobalShape?

  /// - Throws: `FileError`.
  init(_ keys: GGUFKeys, _ files: GGUFCollection, _ architecture: GGUFArchitecture, layers: Int)
    throws
  {
    hiddenSize = try keys.required("embedding_length", keys.integer)
    queryHeads = try keys.required("attention.head_count", keys.integerOfAllLayers)
    global =
      architecture.name == "gemma4"
      ? try GGUFGlobalShape(keys, files, layers: layers, queryHeads: queryHeads) : nil
    keyValueHeads =
      try global?.slidingKeyValueHeads ?? keys.integerOfAllLayers("attention.head_count_kv")
      ?? queryHeads
    positions = try keys.required("context_length", keys.integer)
    // Before they are divided.
    for (key, size) in [("embedding_length", hiddenSize), ("attention.head_count", queryHeads)]
    where size < 1 {
      throw keys.metadata.malformed(
        "\"\(keys.prefix)\(key)\" is \(size), but must be at least 1")
    }
    headDimension =
      try global?.slidingHeadDimension
      ?? Self.headDimension(keys, hiddenSize: hiddenSize, queryHeads: queryHeads)
    let rotaryKey = global == nil ? "rope.dimension_count" : "rope.dimension_count_swa"
    rotaryDimension = try keys.integer(rotaryKey) ?? headDimension
    guard rotaryDimension >= 2, rotaryDimension % 2 == 0, rotaryDimension <= headDimension else {
      throw keys.metadata.malformed(
        "\"\(keys.prefix)\(rotaryKey)\" is \(rotaryDimension), which is no even number of a "
          + "head's \(headDimension) coordinates")
    }
    for (key, expected) in [
      ("attention.value_length", global?.headDimension ?? headDimension),
      ("attention.key_length_swa", headDimension),
      ("attention.value_length_swa", headDimension),
      ("rope.dimension_count_swa", rotaryDimension), ("embedding_length_out", hiddenSize),
    ] {
      guard let value = try keys.integer(key), value != expected else { continue }
      throw keys.unsupported(key, "\(value)", "another size than \(expected)")
    }
    guard let embedding = files.entry("token_embd.weight"), embedding.shape.count == 2 else {
      throw keys.metadata.malformed("has no matrix \"token_embd.weight\", the embedding")
    }
    vocabulary = embedding.shape[0]
  }

  private static func headDimension(
    _ keys: GGUFKeys, hiddenSize: Int, queryHeads: Int
  ) throws -> Int {
    if let length = try keys.integer("attention.key_length") { return length }
    guard hiddenSize % queryHeads == 0 else {
      throw keys.metadata.malformed(
        "\"\(keys.prefix)attention.head_count\" is \(queryHeads), among which \(hiddenSize) coordinates "
          + "cannot be divided evenly, and there is no \"\(keys.prefix)attention.key_length\"")
    }
    return hiddenSize / queryHeads
  }

  /// Throws `FileError` where what the file says of its tokens does not fit the embedding.
  func checkVocabulary(_ keys: GGUFKeys) throws {
    let metadata = keys.metadata
    var counts = [("\(keys.prefix)vocab_size", "is", try keys.integer("vocab_size"))]
    for list in ["tokens", "token_type", "scores"] {
      let key = "tokenizer.ggml.\(list)"
      counts.append((key, "has the length", try metadata.count(key)))
    }
    for (key, verb, count) in counts {
      guard let count, count != vocabulary else { continue }
      throw metadata.malformed(
        "\"\(key)\" \(verb) \(count), but \"token_embd.weight\" has \(vocabulary) rows")
    }
  }
}
