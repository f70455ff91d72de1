/// For a pair of adjacent tokens: what they merge into, and how early. A hash table with open
/// addressing, since encoding asks it once or twice a byte.
struct MergeTable: Sendable {
  struct Merge: Sendable {
    /// Lower ranks merge first.
    let rank: UInt32
    let id: Int32
  }

  /// No pair has this key, since ids are not negative.
  private static let empty = UInt64.max

  /// `[capacity]` keys, `empty` where the place is free; the capacity is a power of two and at
  /// least twice the count.
  private var keys: [UInt64]
  private var merges: [Merge]
  private let shift: Int
  private(set) var isEmpty = true

  /// A table with room for `count` merges.
  init(count: Int) {
    let bits = max(1, Int.bitWidth - (2 * count).leadingZeroBitCount)
    shift = 64 - bits
    keys = [UInt64](repeating: Self.empty, count: 1 << bits)
    merges = [Merge](repeating: Merge(rank: 0, id: 0), count: 1 << bits)
  }

  /// The merge of `left` and `right`, or nil where they do not merge.
  subscript(left: Int32, right: Int32) -> Merge? {
    let key = Self.key(left, right)
    let index = place(of: key)
    return keys[index] == key ? merges[index] : nil
  }

  /// Adds a merge; a later one of the same pair replaces it. The number of pairs must stay within
  /// the `count` given.
  mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
    let key = Self.key(left, right)
    let index = place(of: key)
    keys[index] = key
    merges[index] = merge
    isEmpty = false
  }

  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// Where `key` is, or would be put.
  private func place(of key: UInt64) -> Int {
    // The two ids are folded before the multiplication by 2^64 / golden ratio, so that both reach
    // the upper bits.
    var index = Int(
      truncatingIfNeeded: ((key ^ key >> 29) &* 0x9e37_79b9_7f4a_7c15) >> UInt64(shift))
    while keys[index] != key, keys[index] != Self.empty {
      index = (index + 1) & (keys.count - 1)
    }
    return index
  }
}
