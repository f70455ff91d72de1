/// Why generation ended.
public enum FinishReason: String, Codable, Sendable, CaseIterable {
  /// One of the texts given by `--stop` was generated.
  case stop
  /// The limit of `--max-tokens` was reached.
  case length
  /// The model generated its end-of-sequence token.
  case endOfSequence = "end_of_sequence"
  /// The record is that of a run with many questions, whose answers each have a reason.
  case questions
}
