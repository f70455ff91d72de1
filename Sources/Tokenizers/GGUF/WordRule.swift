/// How texts are prepared for a byte-level model: as the published `tokenizer.json` files of a family
/// say it, where a GGUF file has only a name for it.
struct WordRule {
  private(set) var normalizers: [Normalizer] = []
  /// Applied one after the other.
  private(set) var preTokenizers: [PreTokenizer] = []
  private(set) var ignoresMerges = false
  /// Whether a text begins with a special token unless the file says otherwise.
  private(set) var addsBeginning = false

  /// The rule of a name under `tokenizer.ggml.pre`; nil where ringflash does not know it.
  init?(named name: String) {
    switch name {
    case "gpt-2", "phi-2":
      preTokenizers = [Self.split(PreTokenizer.byteLevelPattern)]
    case "smollm", "starcoder", "refact":
      preTokenizers = [
        .split(.characters(.numeric), .isolated, inverted: false),
        Self.split(PreTokenizer.byteLevelPattern),
      ]
    case "llama3", "llama-v3", "llama-bpe":
      preTokenizers = [Self.split(Self.words(digits: #"\p{N}{1,3}"#))]
      ignoresMerges = true
      addsBeginning = true
    case "smaug-bpe", "falcon3":
      // Llama 3's without a token at the beginning, such as SmolLM3's.
      preTokenizers = [Self.split(Self.words(digits: #"\p{N}{1,3}"#))]
      ignoresMerges = true
    case "dbrx":
      preTokenizers = [Self.split(Self.words(digits: #"\p{N}{1,3}"#))]
    case "qwen2", "deepseek-r1-qwen":
      normalizers = [.unicode(.nfc)]
      preTokenizers = [Self.split(Self.words(digits: #"\p{N}"#))]
    case "tekken":
      preTokenizers = [Self.split(Self.wordsByCase(digits: #"\p{N}"#))]
      ignoresMerges = true
      addsBeginning = true
    case "gpt-4o", "llama4":
      preTokenizers = [
        Self.split(Self.wordsByCase(digits: #"\p{N}{1,3}"#, contractions: "\(Self.contractions)?"))
      ]
    case "default":
      // What llama.cpp does without a name, since no published tokenizer is behind it.
      preTokenizers = [
        #"[\p{P}\$\+<=>\^~\|]+"#, PreTokenizer.byteLevelPattern, #"\p{N}+"#, "[0-9][0-9][0-9]",
      ].map(Self.split)
    default:
      return nil
    }
  }

  private static let contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"

  /// The words of `cl100k_base`, which many families took over.
  private static func words(digits: String) -> String {
    contractions + #"|[^\r\n\p{L}\p{N}]?\p{L}+|"# + digits
      + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  /// Those of `o200k_base`: a word also ends where small letters are followed by a capital one.
  private static func wordsByCase(digits: String, contractions: String = "") -> String {
    let start = #"[^\r\n\p{L}\p{N}]?"#
    let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
    let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
    return "\(start)\(upper)*\(lower)+\(contractions)|\(start)\(upper)+\(lower)*\(contractions)|"
      + digits + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  }

  private static func split(_ pattern: String) -> PreTokenizer {
    do {
      let expression = try RegularExpression(pattern)
      return .split(.regularExpression(expression), .isolated, inverted: false)
    } catch {
      fatalError("\(pattern): \(error)")
    }
  }
}
