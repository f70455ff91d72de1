/// A word while its tokens merge: a linked list over the places of its bytes. A merged token keeps
/// its left part's place; the right part's place is left empty.
struct MergingWord {
  private static let none: Int32 = -1

  /// For each place its token, or -1 where it is empty.
  private var tokens: [Int32]
  /// For each place with a token the next such place and the one before, or -1.
  private var next: [Int32]
  private var previous: [Int32]

  /// `tokens`: one for each byte of the word, fewer than 2^31.
  init(tokens: some Collection<Int32>) {
    self.tokens = Array(tokens)
    let count = Int32(tokens.count)
    next = Array(1..<count + 1)
    previous = Array(-1..<count - 1)
    if count > 0 { next[next.count - 1] = Self.none }
  }

  /// The tokens, once those that are there have been merged as `merges` says: the pair of the
  /// lowest rank first, of equal ranks the leftmost.
  consuming func merged(_ merges: MergeTable) -> [Int32] {
    var candidates = MinimumHeap(tokens.indices.compactMap { candidate(at: $0, merges) })
    while let candidate = candidates.removeSmallest() {
      let left = Int(truncatingIfNeeded: candidate & 0xffff_ffff)
      // Earlier merges may have changed the pair; then the heap has the new one as a candidate of
      // its own.
      guard let merge = merge(at: left, merges), UInt64(merge.rank) == candidate >> 32 else {
        continue
      }
      replacePair(at: left, by: merge.id)
      if previous[left] != Self.none,
        let candidate = self.candidate(at: Int(previous[left]), merges)
      {
        candidates.insert(candidate)
      }
      if let candidate = self.candidate(at: left, merges) { candidates.insert(candidate) }
    }
    tokens.removeAll { $0 == Self.none }
    return tokens
  }

  /// How the token at `place` merges with the next one, or nil where one of them is missing or they
  /// do not merge.
  private func merge(at place: Int, _ merges: MergeTable) -> MergeTable.Merge? {
    guard tokens[place] != Self.none, next[place] != Self.none else { return nil }
    return merges[tokens[place], tokens[Int(next[place])]]
  }

  /// The rank of the merge at `place`, above the place itself: the smallest is the lowest in rank,
  /// then the leftmost.
  private func candidate(at place: Int, _ merges: MergeTable) -> UInt64? {
    merge(at: place, merges).map { UInt64($0.rank) << 32 | UInt64(place) }
  }

  /// Puts `token` in the place of the one at `left` and the next one.
  private mutating func replacePair(at left: Int, by token: Int32) {
    let right = Int(next[left])
    tokens[left] = token
    tokens[right] = Self.none
    next[left] = next[right]
    if next[right] != Self.none { previous[Int(next[right])] = Int32(left) }
  }
}
