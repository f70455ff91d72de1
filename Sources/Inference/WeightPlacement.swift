import Kernels
import MPI
import Ranks
import RingAttention

/// Whether the weights of a model are divided over the hosts of a job.
public enum WeightDividing: String, Codable, CaseIterable, Sendable {
  /// Where a host has too little memory for all of them beside what the run needs.
  case auto
  case on
  /// Every host has all weights.
  case off
}

/// Which of a model's weights each host of a job will hold, decided before any memory is taken.
public struct WeightPlacement {
  private let outline: ModelOutline
  /// Nil where every host has all weights.
  private let divided: DividedWeightPlan?
  private let givesContextLogits: Bool
  /// Bytes that this host's ranks share.
  public let hostBytes: Int
  /// Bytes of each rank's own.
  public let rankBytes: Int

  public var isDivided: Bool { divided != nil }

  /// A collective of all ranks.
  ///
  /// - Parameters:
  ///   - bytes: what this rank needs besides weights.
  ///   - threads: of each rank.
  ///   - givesContextLogits: whether logits of all positions of the context will be wanted.
  /// - Throws: `AgreedFailure`, `MPIError`.
  public init(
    of outline: ModelOutline, _ dividing: WeightDividing, besides bytes: Int, job: Job,
    threads: Int, givesContextLogits: Bool
  ) throws {
    let weights = outline.weights
    var division: WeightDivision?
    if dividing != .off, weights.origin != .builtIn, job.host.size < job.communicator.size {
      let wants = Self.wantsDividing(
        weights, dividing, rankBytes: try job.host.allGather(value: bytes),
        available: AvailableMemory()?.bytes)
      let isWanted = try job.communicator.allReduce(value: wants ? 1 : 0, .maximum)
      if isWanted == 1 {
        division = WeightDivision(try ComputingRanks(job.communicator, threads: threads))
      }
    }
    let plan = try job.onEveryRank {
      try division.map { try DividedWeightPlan(weights, of: outline.configuration, $0) }
    }
    self.init(outline, plan, ranks: job.host.size, givesContextLogits: givesContextLogits)
  }

  /// What it would be on the first of some hosts.
  ///
  /// - Parameters:
  ///   - rankBytes: what each of the host's ranks needs besides weights.
  ///   - available: bytes of the host's memory; nil if nobody knows.
  /// - Throws: `ModelError`.
  public init(
    of outline: ModelOutline, _ dividing: WeightDividing, hosts: Int, rankBytes: [Int],
    available: Int?
  ) throws {
    let weights = outline.weights
    let isDivided =
      hosts > 1 && weights.origin != .builtIn
      && Self.wantsDividing(weights, dividing, rankBytes: rankBytes, available: available)
    self.init(
      outline,
      isDivided
        ? try DividedWeightPlan(
          weights, of: outline.configuration, WeightDivision(hosts: hosts)) : nil,
      ranks: rankBytes.count, givesContextLogits: false)
  }

  /// Whether a host asks for it, if there are others.
  private static func wantsDividing(
    _ weights: WeightPlan, _ dividing: WeightDividing, rankBytes: [Int], available: Int?
  ) -> Bool {
    let all = HostMemoryRequirement(
      sharedBytes: weights.sharedBytes + weights.mappedBytes,
      rankBytes: rankBytes.map { $0 + weights.vectorBytes })
    return dividing == .on || dividing == .auto && !all.fits(available: available)
  }

  private init(
    _ outline: ModelOutline, _ divided: DividedWeightPlan?, ranks: Int, givesContextLogits: Bool
  ) {
    self.outline = outline
    self.divided = divided
    self.givesContextLogits = givesContextLogits
    let weights = outline.weights
    hostBytes =
      divided?.hostBytes(ranks: ranks, givesContextLogits: givesContextLogits)
      ?? weights.sharedBytes
    // Those of the layers that are computed whole, and of those of which a host has its rows.
    rankBytes = (divided == nil ? 1 : 2) * weights.vectorBytes
  }

  /// The model with the weights that this host holds.
  ///
  /// - Parameters:
  ///   - host: the ranks of this host, all of which call this.
  ///   - team: this rank's threads.
  /// - Throws: as `ModelOutline.load`.
  public func load(host: Communicator, team: ThreadTeam) throws -> Model {
    guard let divided else { return try outline.load(host: host, team: team) }
    return try outline.load(
      divided, givesContextLogits: givesContextLogits, host: host, team: team)
  }
}

extension DividedWeightPlan {
  /// Bytes that the ranks of this host share.
  func hostBytes(ranks: Int, givesContextLogits: Bool) -> Int {
    bytes(of: division.host)
      + WeightMemory.roomBytes(
        halfBytes: halfBytes(givesContextLogits: givesContextLogits), ranks: ranks)
  }
}
