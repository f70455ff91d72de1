/// The type of a cache's keys and values.
public enum KeyValueFormat: String, Sendable, CaseIterable, Codable {
  case bf16
  case fp32
  /// int8 by groups of 32 elements of a head, each with a float32 scale. Scores are int8 dot products;
  /// values are widened to the precision's type.
  case q8

  /// That of a precision's own.
  public init(_ precision: Precision) {
    self = precision == .bf16 ? .bf16 : .fp32
  }
}
