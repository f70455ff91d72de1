import Inference
import Kernels
import ModelFiles
import Ranks
import Reporting
import Tokenizers
import Transformer

/// A model in outline, its weights not yet loaded, with the tokenizer that belongs to it.
struct OutlinedModel {
  let outline: ModelOutline
  /// That a model has no tokenizer, or one that cannot be read, is an error only where text is to be
  /// encoded.
  private let tokenization: Result<Tokenizer, Failure>

  /// Nil where the model has none that can be used; ids have no text then.
  var tokenizer: Tokenizer? { try? tokenization.get() }

  /// - Parameters:
  ///   - source: located.
  ///   - tokenizerPath: of a `tokenizer.json` in place of the model's own tokenizer.
  ///   - strict: whether keys of its configuration that nobody knows are an error, with 65.
  ///   - weights: where the weights of a model in files come from.
  /// - Throws: `FileError`, `Failure`.
  init(
    _ source: ModelSource, precision: Precision, tokenizerPath: String? = nil,
    strict: Bool = false, weights: (any StoredModel) throws -> WeightPlan.Origin = { _ in .files }
  ) throws {
    switch source {
    case .builtIn(let variant):
      if tokenizerPath != nil {
        throw Failure(
          .usage,
          "--tokenizer needs --model: the built-in models have a tokenizer of their own; leave it out"
        )
      }
      outline = .builtIn(variant)
      tokenization = .success(.bytes())
    case .stored(let path):
      let model = try StoredModels.model(at: path)
      outline = try Self.outline(of: model, precision: precision, weights: weights(model))
      if strict, let unknown = outline.unknownKeys {
        throw Failure(
          .badData, "\(unknown); correct the file, or leave out --strict to go on without them")
      }
      tokenization =
        try tokenizerPath.map { .success(try Tokenizer(file: $0)) } ?? Self.tokenizer(of: model)
    }
  }

  /// - Throws: `FileError`, `Failure`.
  static func outline(
    of model: any StoredModel, precision: Precision, weights: WeightPlan.Origin
  ) throws -> ModelOutline {
    do {
      return try ModelOutline(model, precision: precision, weights: weights)
    } catch let error as ModelError {
      // What is wrong with a configuration as a whole is said without its file's name.
      let names = error.message.hasPrefix(model.path)
      throw Failure(
        .badData, names ? error.message : "\(model.configurationName): \(error.message)")
    }
  }

  private static func tokenizer(of model: any StoredModel) -> Result<Tokenizer, Failure> {
    if let model = model as? GGUFModel {
      return Result { try Tokenizer(GGUFVocabulary(of: model)) }.mapError(Failure.init)
    }
    guard let path = model.tokenizerPath else {
      let problem = model.foreignTokenizer ?? "has no tokenizer.json, which text needs"
      return .failure(
        Failure(
          .noInput,
          "the model '\(model.path)' \(problem); give one with --tokenizer FILE, or give --token-ids"
        ))
    }
    return Result { try Tokenizer(file: path) }.mapError(Failure.init)
  }

  /// - Parameters:
  ///   - place: where in the sequence the text stands.
  ///   - display: shows how far it is where that may take long.
  /// - Throws: `Failure` if the model has no tokenizer that can be used; `TokenizerError`.
  func encode(
    _ text: String, at place: TextPlace, display: ProgressDisplay
  ) throws -> [Int32] {
    let tokenizer = try tokenization.get()
    let megabytes = text.utf8.count >> 20
    guard megabytes > 0 else {
      return try tokenizer.encode(
        text.utf8, addingSpecialTokens: place == .bareBeginning, continuing: place == .end)
    }
    display.begin("tokenize", unit: "megabyte", total: megabytes, tokens: 0)
    defer { display.end() }
    return try tokenizer.encode(
      text.utf8, addingSpecialTokens: place == .bareBeginning, continuing: place == .end
    ) {
      display.update(completed: $0 * Double(megabytes))
    }
  }
}

/// Where in a sequence a text stands: which tokens the tokenizer may add to its own follows from that.
enum TextPlace {
  /// It begins the sequence and lacks the tokens that a model expects there.
  case bareBeginning
  /// It begins the sequence and is complete: a chat template wrote it.
  case completeBeginning
  /// It goes on where another one ends.
  case end
}

extension Tokenizer {
  /// - Throws: `FileError` where a Git LFS pointer is in the file's place; as `init(contentsOf:)` does.
  fileprivate convenience init(file path: String) throws {
    try GitLFSPointer.check(path: path)
    try self.init(contentsOf: path)
  }
}
