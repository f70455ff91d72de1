import Inference
import JSON
import Ranks
import Reporting

/// One question of a prompts file.
package struct PromptLine: Sendable, Equatable {
  package enum Prompt: Sendable, Equatable {
    case text(String)
    /// Each 0 or more; whether the vocabulary has them, the file does not know.
    case tokenIDs([Int32])
  }

  /// What stands before the prompt, behind the context that all questions have.
  package enum Context: Sendable, Equatable {
    case text(String)
    /// The path of a text.
    case file(String)
    /// As in `Prompt`, one at least.
    case tokenIDs([Int32])
    /// The path of a saved context that begins with the one that all have.
    case saved(String)
  }

  /// Its line in the file, from 1.
  package let line: Int
  package let id: QuestionID
  /// Nil where it has none of its own.
  package let context: Context?
  package let prompt: Prompt
  /// What it wants otherwise than the options say.
  package let choices: GenerationChoices

  private enum Key: String, CaseIterable {
    case id, context, prompt, stop, temperature, seed
    case tokenIDs = "token_ids"
    case maxTokens = "max_tokens"
    case topK = "top_k"
    case topP = "top_p"
    case minP = "min_p"
    case repetitionPenalty = "repetition_penalty"
    case presencePenalty = "presence_penalty"
    case frequencyPenalty = "frequency_penalty"
  }

  /// - Parameter path: of the file, for messages.
  /// - Throws: 65.
  init(_ line: LineReader.Line, path: String) throws(Failure) {
    do {
      let document = try line.bytes.withUnsafeBytes {
        try JSONDocument(line: line.number, bytes: $0, path: path)
      }
      try self.init(document, line: line.number)
    } catch {
      throw Failure(error)
    }
  }

  private init(_ document: JSONDocument, line: Int) throws {
    try document.checkKeys(among: Key.allCases.map(\.rawValue))
    self.line = line
    guard let id = document.value(Key.id.rawValue) else {
      throw Self.failure(document, .id, "is missing, a string or an integer is expected; add it")
    }
    self.id = try Self.id(id, document)
    context = try document.objectIfPresent(Key.context.rawValue).map(Context.init)
    prompt = try Self.prompt(document)
    choices = try Self.choices(document)
  }

  private static func id(_ value: JSONValue, _ document: JSONDocument) throws -> QuestionID {
    switch value {
    case .string(let text): return .text(text)
    case .integer(let number): return .integer(number)
    default:
      throw failure(
        document, .id, "is \(value.summary), a string or an integer is expected; correct it")
    }
  }

  private static func prompt(_ document: JSONDocument) throws -> Prompt {
    let text = try document.stringIfPresent(Key.prompt.rawValue)
    let ids = try document.integersIfPresent(Key.tokenIDs.rawValue)
    switch (text, ids) {
    case (let text?, nil): return .text(text)
    case (nil, let ids?): return .tokenIDs(try document.tokenIDs(ids, of: Key.tokenIDs.rawValue))
    case (nil, nil): throw failure(document, .prompt, "is missing, a string is expected; add it")
    case (_?, _?):
      throw failure(document, .tokenIDs, "stands beside \"prompt\"; give one of them")
    }
  }

  private static func choices(_ document: JSONDocument) throws -> GenerationChoices {
    let limit = 0...Int(Int32.max)
    var sampling = SamplingChoices(
      temperature: try number(document, .temperature, .temperature),
      topK: try document.integerIfPresent(Key.topK.rawValue, in: limit),
      topP: try number(document, .topP, .topP), minP: try number(document, .minP, .minP),
      seed: try document.unsignedIntegerIfPresent(Key.seed.rawValue))
    sampling.repetitionPenalty = try number(document, .repetitionPenalty, .repetitionPenalty)
    sampling.presencePenalty = try number(document, .presencePenalty, .occurrencePenalty)
    sampling.frequencyPenalty = try number(document, .frequencyPenalty, .occurrencePenalty)
    return GenerationChoices(
      maxTokens: try document.integerIfPresent(Key.maxTokens.rawValue, in: limit),
      stopTexts: try stopTexts(document), sampling: sampling)
  }

  private static func number(
    _ document: JSONDocument, _ key: Key, _ range: SamplingRange
  ) throws -> Double? {
    let value = try document.numberIfPresent(key.rawValue)
    if let value, !range.contains(value) {
      throw failure(document, key, "is \(value), \(range.description) is expected; correct it")
    }
    return value
  }

  /// One text or a list of them; an empty list stops at none.
  private static func stopTexts(_ document: JSONDocument) throws -> [String]? {
    let texts: [String]?
    if case .string(let text)? = document.value(Key.stop.rawValue) {
      texts = [text]
    } else {
      texts = try document.stringsIfPresent(Key.stop.rawValue)
    }
    if texts?.contains("") == true {
      throw failure(document, .stop, "has an empty text, which would stop at once; leave it out")
    }
    return texts
  }

  private static func failure(_ document: JSONDocument, _ key: Key, _ problem: String) -> Failure {
    document.failure(key.rawValue, problem)
  }
}
