import Files
import Foundation
import JSON

extension Tokenizer {
  /// Reads a Hugging Face `tokenizer.json` of a BPE model.
  ///
  /// Throws `FileError` as `MappedFile` does; `TokenizerError`: `malformed` where the file breaks the
  /// format, and `unsupported`, naming the component, where it asks for one that is not known.
  public convenience init(contentsOf path: String) throws {
    let file = try MappedFile(path: path)
    defer { withExtendedLifetime(file) {} }
    try self.init { try JSONDocument(bytes: file.bytes, path: path) }
  }

  /// Reads the contents of a `tokenizer.json`; `path` names their origin in messages. Throws
  /// `TokenizerError` as `init(contentsOf:)`.
  public convenience init(json: Data, path: String) throws {
    try self.init { try json.withUnsafeBytes { try JSONDocument(bytes: $0, path: path) } }
  }

  private convenience init(reading file: () throws -> JSONDocument) throws {
    do {
      try self.init(file())
    } catch let error as JSONError {
      throw TokenizerError(.malformed, error.description)
    }
  }

  private convenience init(_ file: JSONDocument) throws {
    let normalizers = try Normalizer.normalizers(of: file)
    let (preTokenizers, isByteLevel) = try PreTokenizer.preTokenizers(of: file)
    let postProcessors = try PostProcessor.postProcessors(of: file)
    let decodingSteps = try DecodingStep.steps(of: file)
    let (model, vocabulary) = try BytePairModel.read(file, isByteLevel: isByteLevel)
    let addedTokens = try AddedTokens(
      AddedTokens.tokens(of: file), vocabulary: vocabulary, normalizers: normalizers,
      path: file.path)
    // Added tokens may come after a gap, or fill one.
    var missing = vocabulary.missingIdentifiers.makeIterator()
    while let id = missing.next() {
      if addedTokens.texts[id] != nil { continue }
      throw TokenizerError(
        .malformed,
        "\(file.path): no token has the id \(id), but the model's vocabulary goes on to "
          + "\(vocabulary.identifierCount - 1); fetch the file again")
    }
    self.init(
      pipeline: Pipeline(
        rawTokens: addedTokens.matcher(normalized: false), normalizers: normalizers,
        normalizedTokens: addedTokens.matcher(normalized: true), preTokenizers: preTokenizers,
        model: model, postProcessors: postProcessors),
      vocabulary: vocabulary, addedTokens: addedTokens, decodingSteps: decodingSteps)
  }
}
