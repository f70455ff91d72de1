import Ranks

/// Which outputs of every linear layer each host holds: those that its ranks compute in generation.
public struct WeightDivision: Sendable, Equatable {
  /// `[hosts]`: the numbers of each one's ranks among all that compute.
  private let ranks: [Range<Int>]
  /// This host's number.
  public let host: Int

  public var hosts: Int { ranks.count }

  public init(_ computing: ComputingRanks) {
    ranks = computing.ofHosts
    host = computing.hostNumber
  }

  /// Hosts that have equally many ranks.
  public init(hosts: Int, host: Int = 0) {
    ranks = (0..<hosts).map { $0..<$0 + 1 }
    self.host = host
  }

  /// Those that a host holds of the outputs of layers that read one input, one layer after the other.
  public func outputs(of host: Int, among outputs: Int) -> Range<Int> {
    Self.share(of: ranks[host], among: ranks.last!.upperBound, outputs: outputs)
  }

  /// What some of the ranks compute of so many outputs.
  ///
  /// - Parameters:
  ///   - numbers: of neighbouring ranks among all that compute.
  ///   - ranks: that compute.
  static func share(of numbers: Range<Int>, among ranks: Int, outputs: Int) -> Range<Int> {
    outputs * numbers.lowerBound / ranks..<outputs * numbers.upperBound / ranks
  }
}
