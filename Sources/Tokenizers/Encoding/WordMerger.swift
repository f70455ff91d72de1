/// The merging of one word's tokens: the pair whose merge ranks first, the leftmost of equals, is
/// merged until no pair merges. Its memory is used again for the next word.
final class WordMerger {
  /// Above this many tokens a heap is faster than looking at all pairs for each merge.
  private static let longestScanned = 48

  private let merges: MergeTable
  private var capacity = 0
  /// The word's tokens; filled by the caller, merged in place. `[capacity]`
  private(set) var tokens: UnsafeMutablePointer<Int32>
  /// For each place how its token merges with the next one. `[capacity]`
  private var pairs: UnsafeMutablePointer<MergeTable.Entry>
  /// For each place with a token the next such place and the one before, or -1. `[capacity]`
  private var next: UnsafeMutablePointer<Int32>
  private var previous: UnsafeMutablePointer<Int32>

  init(_ merges: MergeTable) {
    self.merges = merges
    tokens = .allocate(capacity: 0)
    pairs = .allocate(capacity: 0)
    next = .allocate(capacity: 0)
    previous = .allocate(capacity: 0)
    reserve(256)
  }

  deinit {
    deallocate()
  }

  private func deallocate() {
    tokens.deallocate()
    pairs.deallocate()
    next.deallocate()
    previous.deallocate()
  }

  /// Makes room for `count` tokens, fewer than 2^31; what is there is lost.
  func reserve(_ count: Int) {
    if count <= capacity { return }
    deallocate()
    capacity = max(count, 2 * capacity)
    tokens = .allocate(capacity: capacity)
    pairs = .allocate(capacity: capacity)
    next = .allocate(capacity: capacity)
    previous = .allocate(capacity: capacity)
  }

  /// Merges the first `count` of `tokens`; gives their number then.
  func merge(count: Int) -> Int {
    if count < 2 || merges.isEmpty { return count }
    for place in 0..<(count - 1) { pairs[place] = merges[tokens[place], tokens[place + 1]] }
    pairs[count - 1] = MergeTable.none
    return count <= Self.longestScanned ? mergeByScanning(count) : mergeByHeap(count)
  }

  private func mergeByScanning(_ initialCount: Int) -> Int {
    var count = initialCount
    while true {
      var best = MergeTable.none
      var bestRank = best
      var left = 0
      // Below the rank's bits alone: of equals the leftmost, whatever they merge into.
      for place in 0..<(count - 1) where pairs[place] < bestRank {
        best = pairs[place]
        bestRank = best & MergeTable.rankBits
        left = place
      }
      if best == MergeTable.none { return count }
      tokens[left] = Int32(truncatingIfNeeded: best & 0xffff_ffff)
      count -= 1
      let moved = count - left - 1
      (tokens + left + 1).update(from: tokens + left + 2, count: moved)
      (pairs + left).update(from: pairs + left + 1, count: moved + 1)
      if left + 1 < count { pairs[left] = merges[tokens[left], tokens[left + 1]] }
      if left > 0 { pairs[left - 1] = merges[tokens[left - 1], tokens[left]] }
    }
  }

  /// The time is n log n. A merged token keeps its left part's place; the right part's place is left
  /// empty.
  private func mergeByHeap(_ count: Int) -> Int {
    for place in 0..<count {
      next[place] = Int32(place + 1)
      previous[place] = Int32(place - 1)
    }
    next[count - 1] = -1
    var candidates = CandidateHeap(capacity: 2 * count)
    for place in 0..<count where pairs[place] != MergeTable.none {
      candidates.append(Self.candidate(pairs[place], place))
    }
    candidates.arrange()
    while let candidate = candidates.removeSmallest() {
      let left = Int(truncatingIfNeeded: candidate & 0xffff_ffff)
      let merge = pairs[left]
      // Earlier merges may have changed the pair; then the heap has the new one as a candidate of
      // its own.
      if merge == MergeTable.none || merge >> 32 != candidate >> 32 { continue }
      let right = Int(next[left])
      tokens[left] = Int32(truncatingIfNeeded: merge & 0xffff_ffff)
      tokens[right] = -1
      pairs[right] = MergeTable.none
      next[left] = next[right]
      pairs[left] = MergeTable.none
      if next[left] >= 0 {
        previous[Int(next[left])] = Int32(left)
        update(left, &candidates)
      }
      if previous[left] >= 0 { update(Int(previous[left]), &candidates) }
    }
    var kept = 0
    for place in 0..<count where tokens[place] >= 0 {
      tokens[kept] = tokens[place]
      kept += 1
    }
    return kept
  }

  /// Looks anew how the token at `place` merges with the next one, which there is.
  private func update(_ place: Int, _ candidates: inout CandidateHeap) {
    pairs[place] = merges[tokens[place], tokens[Int(next[place])]]
    if pairs[place] != MergeTable.none {
      candidates.insert(Self.candidate(pairs[place], place))
    }
  }

  /// The merge's rank above the place: the smallest is the lowest in rank, then the leftmost.
  private static func candidate(_ merge: MergeTable.Entry, _ place: Int) -> UInt64 {
    merge & MergeTable.rankBits | UInt64(place)
  }
}
