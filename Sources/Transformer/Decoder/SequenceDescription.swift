import Kernels
import RingAttention

/// The sequence that a job of ranks works on: a context, and what is appended to it in branches that
/// do not know of each other.
public struct SequenceDescription: Sendable, Equatable {
  public let partition: PartitionKind
  /// The length of the context, 1 or more.
  public let contextTokens: Int
  /// The first of its tokens, whose keys and values are there before the prefill: those of a context that
  /// this one extends. Fewer than all.
  public let baseTokens: Int
  /// The length of context that frequencies of rotations are chosen for, where they depend on one.
  public let rotationTokens: Int
  /// What goes round the ranks; nil for what sends fewer bytes.
  public let passed: PassedOperand?
  /// Most tokens that are appended to it in one branch.
  public let maximumAppended: Int
  /// Most of these that are one prompt.
  public let longestPrompt: Int
  /// Most of these that are a context of the branch's own, before its prompt.
  public let longestOwnContext: Int
  /// How many branches there are, 1 or more.
  public let branches: Int
  /// Whether it is asked what tokens of an answer attend to; see `AppendPass`.
  public let tracesAttention: Bool

  public init(
    partition: PartitionKind = .zigzag, contextTokens: Int, base: SequenceBase? = nil,
    maximumAppended: Int, longestPrompt: Int? = nil, longestOwnContext: Int = 0, branches: Int = 1,
    tracesAttention: Bool = false
  ) {
    let baseTokens = base?.tokens ?? 0
    precondition(0..<contextTokens ~= baseTokens, "a context has one token of its own at least")
    precondition(branches > 0, "there is one branch at least")
    self.partition = partition
    self.contextTokens = contextTokens
    self.baseTokens = baseTokens
    passed = base?.passed
    rotationTokens = base?.rotationTokens ?? contextTokens
    self.maximumAppended = maximumAppended
    self.longestPrompt = longestPrompt ?? maximumAppended
    self.longestOwnContext = longestOwnContext
    self.branches = branches
    self.tracesAttention = tracesAttention
  }
}

/// The beginning of a context whose keys and values were computed before.
public struct SequenceBase: Sendable, Equatable {
  public let tokens: Int
  /// The length of context that the frequencies of its rotations were chosen for.
  public let rotationTokens: Int
  /// What goes round the ranks behind it; nil for what sends fewer bytes.
  public let passed: PassedOperand?

  /// What of a context that was computed before can be gone on with; nil for nothing.
  ///
  /// - Parameters:
  ///   - tokens: of that context.
  ///   - arithmetic: of both.
  public init?(
    tokens: Int, rotationTokens: Int, passed: PassedOperand? = nil, _ arithmetic: Arithmetic
  ) {
    self.init(tokens, rotationTokens, passed, arithmetic)
    if self.tokens == 0 { return nil }
  }

  /// The same of what stands before tokens that are prefilled in a branch; it may be nothing.
  init(inBranch tokens: Int, rotationTokens: Int, _ arithmetic: Arithmetic) {
    // Blocks of several caches stay where they are.
    self.init(tokens, rotationTokens, .queries, arithmetic)
  }

  private init(
    _ tokens: Int, _ rotationTokens: Int, _ passed: PassedOperand?, _ arithmetic: Arithmetic
  ) {
    // Where OpenBLAS multiplies, a row's bits depend on the others of its block.
    self.tokens = arithmetic.multipliesPanels ? tokens : tokens / tokensPerBlock * tokensPerBlock
    self.rotationTokens = rotationTokens
    self.passed = passed
  }
}
