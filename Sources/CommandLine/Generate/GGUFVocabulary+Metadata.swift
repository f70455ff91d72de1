import ModelFiles
import Tokenizers

extension GGUFVocabulary {
  /// What a GGUF model's file says of its tokenizer.
  ///
  /// - Throws: `FileError` where a value is of another type than its key is for.
  init(of model: GGUFModel) throws {
    let metadata = model.metadata
    func value<Value>(_ look: (String) throws -> Value?, _ key: String) throws -> Value? {
      try look("tokenizer.ggml.\(key)")
    }
    self.init(path: model.path)
    architecture = try metadata.string("general.architecture")
    self.model = try value(metadata.string, "model")
    wordRule = try value(metadata.string, "pre")
    addsSpacePrefix = try value(metadata.boolean, "add_space_prefix")
    tokens = try value(metadata.byteStrings, "tokens") ?? []
    types = try value(metadata.integers, "token_type")?.map { Int32(clamping: $0) }
    scores = try value(metadata.numbers, "scores")?.map { Float($0) }
    merges = try value(metadata.byteStrings, "merges")
    beginningToken = try value(metadata.integer, "bos_token_id")
    endToken = try value(metadata.integer, "eos_token_id")
    unknownToken = try value(metadata.integer, "unknown_token_id")
    paddingToken = try value(metadata.integer, "padding_token_id")
    addsBeginning = try value(metadata.boolean, "add_bos_token")
    addsEnd = try value(metadata.boolean, "add_eos_token")
  }
}
