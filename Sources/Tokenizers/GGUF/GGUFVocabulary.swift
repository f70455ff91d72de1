/// What a GGUF file says of its model's tokenizer: the values under `tokenizer.ggml.` as they stand
/// there, unchecked.
public struct GGUFVocabulary: Sendable {
  /// The file, for messages.
  public var path: String
  /// `general.architecture`. Phi's added tokens take the white space around them, which the file
  /// does not say otherwise.
  public var architecture: String?

  /// `model`: `gpt2` for byte-level BPE, `llama` for SentencePiece, `gemma4` for BPE of its pieces.
  public var model: String?
  /// `pre`: the name of the rule by which a byte-level text is cut into words.
  public var wordRule: String?
  /// `add_space_prefix`: whether a text is encoded as if it began with a space.
  public var addsSpacePrefix: Bool?

  /// `tokens`. The id of a token is its place.
  public var tokens: [[UInt8]] = []
  /// `token_type`, one for each token; see `TokenType`.
  public var types: [Int32]?
  /// `scores`, one for each token: two pieces become the one with the highest score.
  public var scores: [Float]?
  /// `merges`: two tokens with a space between them, the first to be merged first.
  public var merges: [[UInt8]]?

  // `bos_token_id`, `eos_token_id`, `unknown_token_id`, `padding_token_id`.
  public var beginningToken: Int?
  public var endToken: Int?
  public var unknownToken: Int?
  public var paddingToken: Int?
  /// `add_bos_token` and `add_eos_token`: whether the two stand around a text.
  public var addsBeginning: Bool?
  public var addsEnd: Bool?

  public init(path: String) {
    self.path = path
  }

  /// What `types` says of a token.
  enum TokenType: Int32 {
    case normal = 1
    case unknown
    /// A sign for the model.
    case control
    /// Found in a text before anything else.
    case userDefined
    /// An id without a token; its text only fills the place.
    case unused
    /// A byte of a character that has no token: `<0x00>` to `<0xFF>`.
    case byte
  }
}

extension GGUFVocabulary {
  /// The texts of the tokens that chat templates know by name, such as `bos_token`.
  public var specialTokens: [String: String] {
    let identifiers = [
      "bos_token": beginningToken, "eos_token": endToken, "unk_token": unknownToken,
      "pad_token": paddingToken,
    ]
    return identifiers.compactMapValues { id in
      id.flatMap {
        tokens.indices.contains($0) ? String(validating: tokens[$0], as: UTF8.self) : nil
      }
    }
  }

  func malformed(_ problem: String) -> TokenizerError {
    TokenizerError(
      .malformed,
      "\(path): \(problem); fetch the file again, or give the model's tokenizer.json with "
        + "--tokenizer")
  }

  func unsupported(_ what: String) -> TokenizerError {
    TokenizerError(
      .unsupported,
      "\(path): \(what); give the model's tokenizer.json with --tokenizer")
  }
}
