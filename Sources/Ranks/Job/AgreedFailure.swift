/// A failure that every rank knows of, so that all leave in order.
public struct AgreedFailure: Error {
  public let failure: Failure

  public init(failure: Failure) { self.failure = failure }
}
