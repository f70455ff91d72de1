import RingAttention

/// The sequence that a job of ranks works on: a context, and what is appended to it in branches that
/// do not know of each other.
public struct SequenceDescription: Sendable, Equatable {
  public let partition: PartitionKind
  /// The length of the context, 1 or more.
  public let contextTokens: Int
  /// Most tokens that are appended to it in one branch.
  public let maximumAppended: Int
  /// How many branches there are, 1 or more.
  public let branches: Int
  /// Whether it is asked what tokens of an answer attend to; see `AppendPass`.
  public let tracesAttention: Bool

  public init(
    partition: PartitionKind = .zigzag, contextTokens: Int, maximumAppended: Int, branches: Int = 1,
    tracesAttention: Bool = false
  ) {
    precondition(contextTokens > 0, "a context has one token at least")
    precondition(branches > 0, "there is one branch at least")
    self.partition = partition
    self.contextTokens = contextTokens
    self.maximumAppended = maximumAppended
    self.branches = branches
    self.tracesAttention = tracesAttention
  }
}
