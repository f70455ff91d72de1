import Kernels

/// The passages of a context: about 16 of its tokens each, within one block. They are the places of which
/// attention can tell how much they got.
///
/// A block has room for 16 passages, which are numbered through all blocks; some may be empty.
public struct ContextPassages: Sendable, Equatable {
  /// Tokens of most passages. A shorter one costs more to sum, a longer one is no place but a paragraph.
  public static let tokensPerPassage = 16
  /// The first tokens of a context, on which heads leave what they have no use for, whatever these tokens
  /// are (Xiao et al. 2023, arXiv:2309.17453, section 3.1, finds that four of them take it all). They are
  /// no passage.
  public static let firstTokens = 4

  public let contextTokens: Int

  public init(contextTokens: Int) {
    precondition(contextTokens > 0, "a context has one token at least")
    self.contextTokens = contextTokens
  }

  public var blocks: Int { (contextTokens + tokensPerBlock - 1) / tokensPerBlock }
  /// The empty ones included.
  public var count: Int { blocks * KeyRuns.most }

  /// How a block is divided: by passages, and what belongs to none.
  ///
  /// In the context's last block, what is appended to it is one run; where that would be the
  /// seventeenth, the last two passages are one.
  public func runs(ofBlock block: Int) -> KeyRuns {
    let end = min(tokensPerBlock, max(0, contextTokens - block * tokensPerBlock))
    var bounds = Array(stride(from: 0, to: end, by: Self.tokensPerPassage))
    if block == 0 {
      // The first passage has what is left of the first 32 tokens.
      bounds.removeAll { $0 == Self.tokensPerPassage }
      if end > Self.firstTokens { bounds.insert(Self.firstTokens, at: 1) }
    }
    if bounds.isEmpty { bounds = [0] }
    if 1..<tokensPerBlock ~= end { bounds.append(end) }
    bounds.append(tokensPerBlock)
    if bounds.count > KeyRuns.most + 1 { bounds.remove(at: bounds.count - 3) }
    return KeyRuns(bounds: bounds)
  }

  /// The positions of a passage's tokens; empty where the number stands for none.
  public func tokens(of passage: Int) -> Range<Int> {
    let (block, run) = passage.quotientAndRemainder(dividingBy: KeyRuns.most)
    let start = block * tokensPerBlock
    if block > 0, start + tokensPerBlock <= contextTokens {
      let first = start + run * Self.tokensPerPassage
      return first..<first + Self.tokensPerPassage
    }
    let runs = runs(ofBlock: block)
    guard run < runs.count else { return start..<start }
    let range = start + runs[run].lowerBound..<start + runs[run].upperBound
    let isPassage = range.lowerBound > 0 && range.upperBound <= contextTokens
    return isPassage ? range : range.lowerBound..<range.lowerBound
  }
}
