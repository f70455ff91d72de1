/// Seconds of each stage.
struct StageClock {
  var load = 0.0
  var tokenize = 0.0
  /// Reading a saved context.
  var restore = 0.0
  var prefill = 0.0
  /// Writing the context and its checkpoints.
  var save = 0.0
  /// Until the first logits of the answer.
  var prompt = 0.0
  var decode = 0.0
  private var last = ContinuousClock.now

  /// Seconds since the last call.
  mutating func lap() -> Double {
    let now = ContinuousClock.now
    defer { last = now }
    return (now - last).seconds
  }
}
