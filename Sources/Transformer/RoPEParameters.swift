/// The parameters of rotary position embeddings of the default type: no scaling of frequencies.
public struct RoPEParameters: Equatable, Sendable {
  /// The base of the geometric sequence of wavelengths.
  public let theta: Double

  public init(theta: Double) {
    self.theta = theta
  }
}
