/// The parts of a Hugging Face `tokenizer.json` that decide which ids a text becomes.
///
/// `truncation` and `padding` are not among them: they shape batches, and callers switch them off.
struct TokenizerFile: Decodable {
  let addedTokens: [AddedToken]?
  let normalizer: Component?
  let preTokenizer: Component?
  let postProcessor: Component?
  let decoder: Component?
  let model: Model

  enum CodingKeys: String, CodingKey {
    case addedTokens = "added_tokens"
    case normalizer
    case preTokenizer = "pre_tokenizer"
    case postProcessor = "post_processor"
    case decoder
    case model
  }

  /// A token that is found in the text before the model sees it.
  struct AddedToken: Decodable {
    let id: Int32
    let content: String
    let singleWord: Bool?
    let lstrip: Bool?
    let rstrip: Bool?
    let normalized: Bool?
    let special: Bool?

    enum CodingKeys: String, CodingKey {
      case id, content, lstrip, rstrip, normalized, special
      case singleWord = "single_word"
    }
  }

  /// A normalizer, pre-tokenizer, post-processor or decoder: its type and the options of those that
  /// are known.
  struct Component: Decodable {
    let type: String
    let addPrefixSpace: Bool?
    let useRegex: Bool?
    /// The members of a `Sequence`, whose key depends on what it is a sequence of.
    let normalizers: [Component]?
    let preTokenizers: [Component]?
    let processors: [Component]?
    let decoders: [Component]?

    enum CodingKeys: String, CodingKey {
      case type, normalizers, processors, decoders
      case addPrefixSpace = "add_prefix_space"
      case useRegex = "use_regex"
      case preTokenizers = "pretokenizers"
    }

    /// This component, or for a `Sequence` all of its members, with theirs.
    var flattened: [Component] {
      guard type == "Sequence" else { return [self] }
      let members = normalizers ?? preTokenizers ?? processors ?? decoders ?? []
      return members.flatMap(\.flattened)
    }
  }

  enum Model: Decodable {
    case bytePairs(BytePairModel)
    case other(type: String)

    private enum CodingKeys: CodingKey { case type }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      // Files of the first years leave the type of a BPE model out.
      let type = try container.decodeIfPresent(String.self, forKey: .type) ?? "BPE"
      self = type == "BPE" ? .bytePairs(try BytePairModel(from: decoder)) : .other(type: type)
    }
  }

  struct BytePairModel: Decodable {
    let vocabulary: [String: Int32]
    /// Left and right part of each merge, the first with the highest priority.
    let merges: [(left: String, right: String)]
    let ignoreMerges: Bool
    let dropout: Double?
    let continuingSubwordPrefix: String?
    let endOfWordSuffix: String?
    let byteFallback: Bool

    private enum CodingKeys: String, CodingKey {
      case vocab, merges, dropout
      case ignoreMerges = "ignore_merges"
      case continuingSubwordPrefix = "continuing_subword_prefix"
      case endOfWordSuffix = "end_of_word_suffix"
      case byteFallback = "byte_fallback"
    }

    init(from decoder: any Decoder) throws {
      let container = try decoder.container(keyedBy: CodingKeys.self)
      vocabulary = try container.decode([String: Int32].self, forKey: .vocab)
      ignoreMerges = try container.decodeIfPresent(Bool.self, forKey: .ignoreMerges) ?? false
      dropout = try container.decodeIfPresent(Double.self, forKey: .dropout)
      continuingSubwordPrefix = try container.decodeIfPresent(
        String.self, forKey: .continuingSubwordPrefix)
      endOfWordSuffix = try container.decodeIfPresent(String.self, forKey: .endOfWordSuffix)
      byteFallback = try container.decodeIfPresent(Bool.self, forKey: .byteFallback) ?? false

      // A merge is "left right" in older files and ["left", "right"] in newer ones.
      let pairs: [[String]]
      if let lines = try? container.decode([String].self, forKey: .merges) {
        pairs = lines.map { line in
          line.unicodeScalars.split(separator: " ", omittingEmptySubsequences: false).map(
            String.init)
        }
      } else {
        pairs = try container.decode([[String]].self, forKey: .merges)
      }
      merges = try pairs.enumerated().map { index, pair in
        guard pair.count == 2, !pair[0].isEmpty, !pair[1].isEmpty else {
          throw DecodingError.dataCorruptedError(
            forKey: .merges, in: container,
            debugDescription: "Merge \(index) does not consist of two tokens.")
        }
        return (pair[0], pair[1])
      }
    }
  }
}
