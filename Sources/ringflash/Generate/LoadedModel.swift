import Inference
import Kernels
import ModelFiles
import Tokenizers
import Transformer

/// A model, its weights not yet loaded, with the tokenizer that belongs to it.
struct LoadedModel {
  let outline: ModelOutline
  /// That a model has no tokenizer, or one that cannot be read, is an error only where text is to be
  /// encoded.
  private let tokenization: Result<Tokenizer, Failure>

  /// Nil where the model has none that can be used; ids have no text then.
  var tokenizer: Tokenizer? { try? tokenization.get() }

  /// - Parameters:
  ///   - name: a model directory, or the built-in model's name.
  ///   - weights: where a directory's weights come from.
  /// - Throws: `ModelFileError`, `Failure`.
  init(
    _ name: String, precision: Precision,
    weights: (ModelDirectory) -> WeightPlan.Origin = { _ in .files }
  ) throws {
    if name == GenerateSettings.builtInModel {
      outline = .builtIn()
      tokenization = .success(.bytes())
    } else {
      let directory = try ModelDirectory(path: name)
      do {
        outline = try ModelOutline(
          directory: directory, precision: precision, weights: weights(directory))
      } catch let error as ModelError {
        // What is wrong with a configuration as a whole is said without its file's name.
        let names = error.message.hasPrefix(name)
        throw Failure(.badData, names ? error.message : "\(name)/config.json: \(error.message)")
      }
      tokenization = Self.tokenizer(of: directory)
    }
  }

  private static func tokenizer(of directory: ModelDirectory) -> Result<Tokenizer, Failure> {
    guard let path = directory.tokenizerPath else {
      return .failure(
        Failure(
          .noInput,
          "the model '\(directory.path)' has no tokenizer.json, which text needs; give --token-ids")
      )
    }
    do {
      return .success(try Tokenizer(contentsOf: path))
    } catch {
      return .failure(Failure(error))
    }
  }

  /// - Throws: `Failure` if the model has no tokenizer that can be used; `TokenizerError`.
  func encode(_ text: String) throws -> [Int32] {
    try tokenization.get().encode(text.utf8)
  }
}

/// The token ids of the context and the prompt.
struct Input {
  let context: [Int32]
  let prompt: [Int32]

  init(context: [Int32], prompt: [Int32]) {
    self.context = context
    self.prompt = prompt
  }

  /// Reads and tokenizes both, apart from each other.
  ///
  /// - Throws: `Failure`, `TokenizerError`, `JSONError`, `ModelFileError`, `ChatTemplateError`.
  init(_ settings: GenerateSettings, _ loaded: LoadedModel) throws {
    if settings.chat, case .text(let path) = settings.context {
      let chat = try ChatText(
        template: ModelChatTemplate(model: settings.model), system: settings.system,
        context: ContextReader.context(path: path), prompt: Self.text(of: settings.prompt))
      context = try loaded.encode(chat.context)
      prompt = try loaded.encode(chat.prompt)
    } else {
      context =
        switch settings.context {
        case .text(let path): try loaded.encode(ContextReader.context(path: path))
        case .tokenIds(let path): try ContextReader.tokenIds(path: path)
        }
      prompt = try settings.prompt == nil ? [] : loaded.encode(Self.text(of: settings.prompt))
    }
    let vocabulary = loaded.outline.configuration.vocabularySize
    for (role, ids) in [("context", context), ("prompt", prompt)] {
      guard let index = ids.firstIndex(where: { $0 < 0 || Int($0) >= vocabulary }) else { continue }
      throw Failure(
        .badData,
        """
        the \(role)'s token \(index) is \(ids[index]), the vocabulary of '\(loaded.outline.name)' has \
        the ids 0 to \(vocabulary - 1)
        """)
    }
  }

  private static func text(of prompt: GenerateSettings.Prompt?) throws(Failure) -> String {
    switch prompt {
    case .text(let text): text
    case .file(let path): try ContextReader.prompt(path: path)
    case nil: ""
    }
  }
}
