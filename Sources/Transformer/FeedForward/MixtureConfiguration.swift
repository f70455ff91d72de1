import Kernels

/// A mixture of experts as a configuration describes it.
public struct MixtureConfiguration: Equatable, Sendable {
  /// How many experts there are.
  public var experts: Int
  /// How many of them a token goes to.
  public var expertsPerToken: Int
  /// Each of them.
  public var expert: DenseFeedForwardConfiguration
  public var routing: RoutingConfiguration
  /// What every token goes to besides; nil for nothing.
  public var shared: SharedExpertConfiguration?

  /// The gated MLPs that it is made of, each once.
  var parts: [DenseFeedForwardConfiguration] { [expert] + (shared.map { [$0.expert] } ?? []) }

  public init(
    experts: Int, expertsPerToken: Int, expert: DenseFeedForwardConfiguration,
    routing: RoutingConfiguration = RoutingConfiguration(),
    shared: SharedExpertConfiguration? = nil
  ) {
    self.experts = experts
    self.expertsPerToken = expertsPerToken
    self.expert = expert
    self.routing = routing
    self.shared = shared
  }
}

/// An expert that every token goes to.
public struct SharedExpertConfiguration: Equatable, Sendable {
  public var expert: DenseFeedForwardConfiguration
  /// Whether what it gives is multiplied by the sigmoid of a score of its own.
  public var hasGate: Bool

  public init(_ expert: DenseFeedForwardConfiguration, hasGate: Bool = false) {
    self.expert = expert
    self.hasGate = hasGate
  }
}

/// How a token's experts follow from its scores, one for every expert.
public struct RoutingConfiguration: Equatable, Sendable {
  public enum Scoring: Equatable, Sendable {
    /// The softmax over all experts.
    case softmax
    /// The sigmoid of each score. With a correction bias, that is added to choose experts, and to
    /// nothing else (DeepSeek-V3, arXiv:2412.19437, section 2.1.2).
    case sigmoid(hasCorrectionBias: Bool)
  }

  public var scoring: Scoring
  /// Whether the weights of the chosen experts are divided by their sum. Of the softmax, that is the
  /// softmax over the chosen ones.
  public var isNormalized: Bool
  /// What all weights are multiplied by then.
  public var scale: Double
  /// Whether scores have a bias.
  public var hasBias: Bool
  /// Neighbouring experts form so many groups of equal size, of which only some count for a token: those
  /// whose two best experts have the greatest sums.
  public var groups: Int
  public var groupsPerToken: Int

  public init(
    scoring: Scoring = .softmax, isNormalized: Bool = true, scale: Double = 1,
    hasBias: Bool = false, groups: Int = 1, groupsPerToken: Int = 1
  ) {
    self.scoring = scoring
    self.isNormalized = isNormalized
    self.scale = scale
    self.hasBias = hasBias
    self.groups = groups
    self.groupsPerToken = groupsPerToken
  }
}

extension MixtureConfiguration {
  static let largestExpertCount = 1 << 12

  package func validate() throws(ModelError) {
    try ModelConfiguration.check("the number of experts", experts, upTo: Self.largestExpertCount)
    try ModelConfiguration.check(
      "the number of experts that a token goes to", expertsPerToken, upTo: Self.largestExpertCount)
    try expert.validate("the experts' intermediate size")
    try shared?.expert.validate("the shared expert's intermediate size")
    guard expertsPerToken <= experts else {
      throw ModelError(
        .malformed,
        "a token is to go to \(expertsPerToken) experts, but there are \(experts)")
    }
    guard routing.scale > 1e-6, routing.scale < 1e6 else {
      throw ModelError(
        .malformed,
        "the scale of the experts' weights is \(routing.scale), but must be from 1e-6 to 1e6")
    }
    try validateGroups()
  }

  private func validateGroups() throws(ModelError) {
    let (groups, chosen) = (routing.groups, routing.groupsPerToken)
    try ModelConfiguration.check("the number of groups of experts", groups, upTo: experts)
    try ModelConfiguration.check(
      "the number of groups of experts that a token may go to", chosen, upTo: groups)
    guard experts % groups == 0 else {
      throw ModelError(
        .malformed, "\(experts) experts cannot be divided evenly into \(groups) groups")
    }
    guard groups == 1 || experts / groups >= 2 else {
      throw ModelError(
        .malformed, "groups of one expert each have no two best ones, by which groups are chosen")
    }
    guard expertsPerToken <= experts / groups * chosen else {
      throw ModelError(
        .malformed,
        "a token is to go to \(expertsPerToken) experts, but the \(chosen) of \(groups) groups that it "
          + "may go to have \(experts / groups * chosen)")
    }
  }

  /// Tokens of a context that go through experts together, at most: an expert's weights are packed once
  /// for all that go to it. So many that every expert has, on average, as many rows as a dense layer has,
  /// and no more than leave what is kept for each of them in some 128 MB.
  ///
  /// - Parameters:
  ///   - tokens: of a dense layer.
  ///   - bytesPerToken: what is kept for each.
  func tokensAtOnce(dense tokens: Int, bytesPerToken: Int) -> Int {
    let factor = min(experts / expertsPerToken, (128 << 20) / (tokens * max(bytesPerToken, 1)))
    return tokens * max(1, factor)
  }
}
