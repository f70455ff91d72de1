import Files
import JSON
import SystemPackage

/// What a directory holds in place of a model that can be read, in a clause that says what to do; its
/// files' names tell.
struct ForeignFormat {
  private let names: [String]
  private let path: String

  init(directory path: String) {
    self.path = path
    names = (try? FilePath(text: path).entries()) ?? []
  }

  /// Where there is no `config.json`; nil for nothing that is known.
  var withoutConfiguration: String? { adapter ?? ownFormat }

  /// Where there are no safetensors of the model; nil for nothing that is known.
  var withoutTensors: String? { adapter ?? pickled ?? ownFormat ?? shards ?? gguf }

  /// Where there is no `tokenizer.json`; nil for nothing that is known.
  var withoutTokenizer: String? {
    let known = ["tokenizer.model", "tekken.json", "spiece.model", "vocab.json"]
    guard let name = known.first(where: names.contains) else { return nil }
    return "has its tokenizer as \(name), which is not read; write tokenizer.json beside it with "
      + "Transformers (AutoTokenizer.from_pretrained and save_pretrained)"
  }

  private var adapter: String? {
    guard names.contains("adapter_config.json") else { return nil }
    let configuration = try? JSONDocument(path: "\(path)/adapter_config.json")
    let base = (try? configuration?.stringIfPresent("base_model_name_or_path")) ?? nil
    return "is a LoRA adapter\(base.map { " for the model \($0.debugDescription)" } ?? ""), not a "
      + "model; merge it into its model with PEFT (merge_and_unload and save_pretrained) and name "
      + "what comes out"
  }

  private var pickled: String? {
    let isThere = names.contains {
      $0 == "pytorch_model.bin.index.json" || $0.hasPrefix("pytorch_model") && $0.hasSuffix(".bin")
    }
    guard isThere else { return nil }
    return "has its weights as pytorch_model.bin, which is not read, for such files can run code; "
      + "write them as safetensors with Transformers (AutoModelForCausalLM.from_pretrained with "
      + "dtype=\"auto\", and save_pretrained)"
  }

  private var ownFormat: String? {
    guard let name = names.first(where: { $0.hasPrefix("consolidated.") }) else { return nil }
    return "has its weights as \(name), whose tensors have other names; fetch the files in Hugging "
      + "Face layout (config.json and model.safetensors or its shards) of the same model"
  }

  private var shards: String? {
    guard
      names.contains(where: { $0.hasPrefix("model-") && $0.hasSuffix(".safetensors") })
    else { return nil }
    return "has shards of safetensors, but no \(ModelDirectory.FileName.tensorIndex), which says "
      + "what is in them; fetch it, too"
  }

  private var gguf: String? {
    guard let name = names.first(where: GGUFName.isGGUF) else { return nil }
    return "has its weights as \(name) beside config.json; name that file to run it"
  }
}
