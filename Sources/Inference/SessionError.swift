/// Why the answering was given up; every rank hears of it.
public enum SessionError: Error {
  /// On rank 0: the listener threw this.
  case listenerFailed(any Error)
  /// On the other ranks: rank 0 gave up.
  case abandoned
}
