import Foundation

/// The answer to one question of many, as it is written when it is done.
public struct AnswerRecord: Codable, Equatable, Sendable {
  /// Counts of tokens.
  public struct Tokens: Codable, Equatable, Sendable {
    /// Tokens of the question's own context, behind the common one; nil for none.
    public let context: Int?
    /// Tokens of the question.
    public let prompt: Int
    /// Tokens of the answer.
    public let generated: Int

    public init(context: Int? = nil, prompt: Int, generated: Int) {
      self.context = context
      self.prompt = prompt
      self.generated = generated
    }
  }

  public let id: QuestionID
  /// What was asked, of what: an answer with another fingerprint is one to something else.
  public let fingerprint: String
  /// The generated text.
  public let text: String
  /// The generated tokens.
  public let tokenIDs: [Int]
  /// Why generation ended.
  public let finishReason: FinishReason
  public let tokens: Tokens
  /// SHA-256 over the logits from which each token was chosen, as in `RunRecord` of a run with this
  /// one question.
  public let logitsDigest: String
  /// Where it comes from, as in `RunRecord`; nil where nobody asked.
  public let sources: [SourceRecord]?

  enum CodingKeys: String, CodingKey {
    case id, fingerprint, text, tokens, sources
    case tokenIDs = "token_ids"
    case finishReason = "finish_reason"
    case logitsDigest = "logits_digest"
  }

  public init(
    id: QuestionID, fingerprint: String, text: String, tokenIDs: [Int], finishReason: FinishReason,
    tokens: Tokens, logitsDigest: String, sources: [SourceRecord]? = nil
  ) {
    self.id = id
    self.fingerprint = fingerprint
    self.text = text
    self.tokenIDs = tokenIDs
    self.finishReason = finishReason
    self.tokens = tokens
    self.logitsDigest = logitsDigest
    self.sources = sources
  }

  /// What every line begins with: "fingerprint" is the first of the keys.
  public static let beginning = "{\"fingerprint\":\""

  /// The record as JSON on one line with a newline at its end, keys sorted, slashes as they are.
  ///
  /// - Throws: what `JSONEncoder` throws; for these values it does not.
  public func json() throws -> Data { try lineOfJSON(self) }
}
