/// That two adjacent tokens are merged into one.
struct Merge: BitwiseCopyable {
  let left: Int32
  let right: Int32
  /// What they are merged into.
  let token: Int32
  /// The lower is merged first; of equals the leftmost in the word.
  let rank: Int32
}

/// For a pair of adjacent tokens: what they merge into, and how early. A hash table with open
/// addressing, since encoding asks it once or twice a byte.
struct MergeTable: Sendable {
  /// A merge as one number: the rank above the id of the merged token.
  typealias Entry = UInt64
  /// Of pairs that do not merge; later than every merge.
  static let none = Entry.max
  /// The bits of the rank.
  static let rankBits: Entry = 0xffff_ffff_0000_0000

  private struct Slot: BitwiseCopyable {
    var key: UInt64
    var merge: Entry
  }

  /// No pair has this key, since ids are not negative.
  private static let empty = UInt64.max

  /// At most half of them are taken; their number is a power of two.
  private let slots: FixedBuffer<Slot>
  private let shift: UInt64
  private let mask: Int
  private(set) var isEmpty = true

  /// A table with room for `count` merges.
  init(count: Int) {
    let bits = max(1, Int.bitWidth - (2 * count).leadingZeroBitCount)
    shift = UInt64(64 - bits)
    mask = 1 << bits - 1
    slots = FixedBuffer(repeating: Slot(key: Self.empty, merge: Self.none), count: 1 << bits)
  }

  /// The merge of `left` and `right`, or `none`.
  @inline(__always)
  subscript(left: Int32, right: Int32) -> Entry {
    slots[place(of: Self.key(left, right))].merge
  }

  /// Adds a merge; a later one of the same pair replaces it. The number of pairs must stay within
  /// the `count` given.
  mutating func insert(_ merge: Merge) {
    let key = Self.key(merge.left, merge.right)
    slots[place(of: key)] = Slot(key: key, merge: UInt64(merge.rank) << 32 | UInt64(merge.token))
    isEmpty = false
  }

  @inline(__always)
  private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// Where `key` is, or would be put.
  @inline(__always)
  private func place(of key: UInt64) -> Int {
    // The two ids are folded before the multiplication by 2^64 / golden ratio, so that both reach
    // the upper bits.
    var index = Int(truncatingIfNeeded: ((key ^ key >> 29) &* 0x9e37_79b9_7f4a_7c15) >> shift)
    while true {
      let found = slots[index].key
      if found == key || found == Self.empty { return index }
      index = (index + 1) & mask
    }
  }
}
