import Files
import JSON

/// What layers with a window and those without one have of their own in Gemma 4, where heads differ.
///
/// Keys and tensors are those that llama.cpp's converter of the architecture writes: `key_length` is of the
/// layers without a window, `key_length_swa` of those with one; heads of keys and values are listed for
/// all layers where the two kinds differ.
struct GGUFGlobalShape {
  let headDimension: Int
  let slidingHeadDimension: Int
  let slidingKeyValueHeads: Int
  private let keyValueHeads: Int
  /// Whether keys are the values of layers without a window, too.
  private let sharesKeysWithValues: Bool

  /// - Throws: `FileError`.
  init(_ keys: GGUFKeys, _ files: GGUFCollection, layers: Int, queryHeads: Int) throws {
    headDimension = try keys.required("attention.key_length", keys.integer)
    slidingHeadDimension = try keys.required("attention.key_length_swa", keys.integer)
    guard headDimension >= 2, slidingHeadDimension >= 2 else {
      throw keys.metadata.malformed(
        "\"\(keys.prefix)attention.key_length\" is \(headDimension) and \"key_length_swa\" "
          + "\(slidingHeadDimension), but both must be at least 2")
    }
    let sliding = try GGUFConfiguration.slidingLayers(keys, period: 6, layers: layers)
    let key = "attention.head_count_kv"
    let heads: [Int]
    if keys.isArray(key) {
      heads = try keys.integers(key) ?? []
      guard heads.count == layers else {
        throw keys.metadata.malformed(
          "\"\(keys.prefix)\(key)\" has \(heads.count) elements for \(layers) layers")
      }
    } else {
      heads = [Int](repeating: try keys.integer(key) ?? queryHeads, count: layers)
    }
    func ofKind(_ isSliding: Bool) throws -> Int? {
      let own = zip(heads, sliding).filter { $0.1 == isSliding }.map(\.0)
      guard own.allSatisfy({ $0 == own[0] }) else {
        throw keys.unsupported(key, "an array", "layers of one kind that differ in it")
      }
      return own.first
    }
    let (ofSliding, ofOthers) = (try ofKind(true), try ofKind(false))
    slidingKeyValueHeads = ofSliding ?? ofOthers ?? queryHeads
    keyValueHeads = ofOthers ?? slidingKeyValueHeads
    sharesKeysWithValues =
      sliding.firstIndex(of: false).map { files.entry("blk.\($0).attn_v.weight") == nil } ?? false
  }

  /// The members of `config.json`.
  ///
  /// - Throws: `FileError`.
  func members(_ keys: GGUFKeys) throws -> [(key: String, value: JSONValue)] {
    let cap = try keys.number("final_logit_softcapping") ?? 30
    var members: [(key: String, value: JSONValue)] = [
      ("global_head_dim", .integer(headDimension)),
      ("attention_k_eq_v", .boolean(sharesKeysWithValues)),
      ("final_logit_softcapping", cap == 0 ? .null : .number(cap)),
      ("hidden_size_per_layer_input", .integer(0)), ("num_kv_shared_layers", .integer(0)),
    ]
    if sharesKeysWithValues {
      // Without it the family reads no other number of heads.
      members.append(("num_global_key_value_heads", .integer(keyValueHeads)))
    } else if keyValueHeads != slidingKeyValueHeads {
      throw keys.unsupported(
        "attention.head_count_kv", "an array",
        "other numbers of heads in layers that have values of their own")
    }
    return members
  }
}
