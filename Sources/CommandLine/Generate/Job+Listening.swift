import Inference
import Ranks

extension Job {
  /// Runs `body` on every rank; a failure of its listeners on rank 0 is every rank's.
  ///
  /// - Throws: `AgreedFailure`, `MPIError`.
  func listening<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch SessionError.listenerFailed(let error) {
      try runOnRoot { throw error }
    } catch SessionError.abandoned {
      try runOnRoot {}
    }
    preconditionFailure("a failure on rank 0 is every rank's")
  }
}
