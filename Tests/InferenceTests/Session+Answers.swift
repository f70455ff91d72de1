import Inference

extension Session {
  /// Answers questions, the same on every rank, in a loop of their own; the listeners are called on
  /// rank 0.
  ///
  /// - Parameters:
  ///   - contexts: what questions may have before them.
  ///   - shouldStop: asked on rank 0 before every step.
  /// - Returns: whether all questions are answered.
  func answer(
    _ questions: [Question], of contexts: [OwnContext] = [],
    onLogits: (_ question: Int, UnsafeBufferPointer<Float>) throws -> Void,
    onToken: (_ question: Int, Int32) throws -> Bool,
    onEnd: (_ question: Int, Generation) throws -> Void,
    shouldStop: () -> Bool = { false }
  ) throws -> Bool {
    let loop = AnswerLoop(self, contexts: contexts)
    if communicator.rank == 0 { for question in questions { _ = try loop.submit(question) } }
    while true {
      if communicator.rank == 0, shouldStop() { loop.stop() }
      switch try loop.step(onLogits: onLogits, onToken: onToken, onEnd: onEnd) {
      case .answering: continue
      case .idle: return true
      case .stopped: return false
      }
    }
  }
}
