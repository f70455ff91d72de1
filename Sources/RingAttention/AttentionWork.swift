import Kernels

/// What attention cost one rank.
public struct AttentionWork: Sendable, Equatable {
  /// Floating-point operations: 4 · headDimension for every pair of a query and a key that it sees.
  public var flops = 0.0
  /// Seconds in which the rank waited for a message with nothing left to compute.
  public var exposedSeconds = 0.0
  public var bytesSent = 0

  public init() {}

  public static func += (left: inout AttentionWork, right: AttentionWork) {
    left.flops += right.flops
    left.exposedSeconds += right.exposedSeconds
    left.bytesSent += right.bytesSent
  }

  /// FLOPs of so many pairs of a query token and a key that it sees.
  static func flops(visiblePairs: Int, shape: AttentionShape) -> Double {
    Double(visiblePairs) * Double(shape.queryHeads) * 4 * Double(shape.headDimension)
  }
}

/// Hears of every span of time that a timeline wants.
public typealias SpanHandler = (
  _ name: StaticString, _ start: ContinuousClock.Instant, _ end: ContinuousClock.Instant
) -> Void
