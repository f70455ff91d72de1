/// What a number may be that says how tokens are chosen, on the command line as in files.
struct SamplingRange: Sendable {
  /// Completes "expected …".
  let description: String
  let contains: @Sendable (Double) -> Bool

  static let temperature = SamplingRange(description: "a finite number from 0 up") {
    $0 >= 0 && $0.isFinite
  }
  static let topP = SamplingRange(description: "a number above 0 and up to 1") {
    $0 > 0 && $0 <= 1
  }
  static let minP = SamplingRange(description: "a number from 0 to 1") { $0 >= 0 && $0 <= 1 }
  static let repetitionPenalty = SamplingRange(description: "a finite number above 0") {
    $0 > 0 && $0.isFinite
  }
  /// Of what is taken from the logits of what was said.
  static let occurrencePenalty = SamplingRange(description: "a number from -2 to 2") {
    $0 >= -2 && $0 <= 2
  }
}
