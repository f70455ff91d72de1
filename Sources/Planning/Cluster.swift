/// How many equal hosts work together, and how.
public struct Cluster: Equatable, Sendable {
  public var hosts: Int
  /// Neighbours in the ring, as `mpirun` places them by default.
  public var ranksPerHost: Int
  /// Whether a host has only its part of the weights.
  public var dividesWeights: Bool

  public init(hosts: Int, ranksPerHost: Int = 1, dividesWeights: Bool = false) {
    self.hosts = hosts
    self.ranksPerHost = ranksPerHost
    self.dividesWeights = dividesWeights && hosts > 1
  }

  public var ranks: Int { hosts * ranksPerHost }

  /// Tokens of the rank that has the most: whole blocks.
  func mostTokens(of tokens: Int) -> Int {
    let blocks = (tokens + Self.tokensPerBlock - 1) / Self.tokensPerBlock
    return min(tokens, (blocks + ranks - 1) / ranks * Self.tokensPerBlock)
  }

  /// Tokens of a KV block, the unit of ownership.
  public static let tokensPerBlock = 256

  /// Steps in which every host hears from every other one: each doubles those it has heard from.
  var doublings: Int { hosts > 1 ? Int.bitWidth - (hosts - 1).leadingZeroBitCount : 0 }
}
