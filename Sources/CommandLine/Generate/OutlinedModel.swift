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
  ///   - strict: whether keys of its configuration that nobody knows are an error, with 65.
  ///   - weights: where a directory's weights come from.
  /// - Throws: `FileError`, `Failure`.
  init(
    _ source: ModelSource, precision: Precision, strict: Bool = false,
    weights: (ModelDirectory) throws -> WeightPlan.Origin = { _ in .files }
  ) throws {
    switch source {
    case .builtIn:
      outline = .builtIn()
      tokenization = .success(.bytes())
    case .directory(let path):
      let directory = try ModelDirectory(path: path)
      outline = try Self.outline(
        of: directory, precision: precision, weights: weights(directory))
      if strict, let unknown = outline.unknownKeys {
        throw Failure(
          .badData, "\(unknown); correct the file, or leave out --strict to go on without them")
      }
      tokenization = Self.tokenizer(of: directory)
    }
  }

  /// - Throws: `FileError`, `Failure`.
  static func outline(
    of directory: ModelDirectory, precision: Precision, weights: WeightPlan.Origin
  ) throws -> ModelOutline {
    do {
      return try ModelOutline(directory: directory, precision: precision, weights: weights)
    } catch let error as ModelError {
      // What is wrong with a configuration as a whole is said without its file's name.
      let names = error.message.hasPrefix(directory.path)
      throw Failure(
        .badData, names ? error.message : "\(directory.path)/config.json: \(error.message)")
    }
  }

  private static func tokenizer(of directory: ModelDirectory) -> Result<Tokenizer, Failure> {
    guard let path = directory.tokenizerPath else {
      return .failure(
        Failure(
          .noInput,
          directory.foreignTokenizer.map {
            "the model '\(directory.path)' \($0), or give --token-ids"
          }
            ?? "the model '\(directory.path)' has no tokenizer.json, which text needs; give "
            + "--token-ids")
      )
    }
    do {
      try GitLFSPointer.check(path: path)
      return .success(try Tokenizer(contentsOf: path))
    } catch {
      return .failure(Failure(error))
    }
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
