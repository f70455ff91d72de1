/// The likeliest tokens in the order of their logits, and the memory to find them in. One that is used
/// again allocates nothing.
///
/// Larger logits come first, of equal ones the lower id, and those that are NaN last. Found by sorting
/// by digits, which is stable and takes time in proportion to the tokens: all of them once where all
/// are wanted; else twice as many as are wanted, whenever so many have come that may be among them.
public struct TokenRanking: Sendable {
  /// A token and a number that grows as the logit falls; equal logits have one.
  private struct Entry {
    let key: UInt32
    let token: Int32

    init(_ token: Int, _ logit: Float) {
      self.token = Int32(token)
      guard !logit.isNaN else {
        key = .max
        return
      }
      // -0 and 0 are equal.
      let bits = logit == 0 ? 0 : logit.bitPattern
      // As integers, the patterns of positive numbers rise with them, and those of negative ones fall.
      key = bits >> 31 == 0 ? 0x7fff_ffff - bits : bits
    }
  }

  private var entries: [Entry] = []
  private var spare: [Entry] = []

  public init() {}

  var count: Int { entries.count }

  /// The id of the token in this place of the order.
  func token(at place: Int) -> Int { Int(entries[place].token) }

  /// Finds the first `most` tokens of the order, or all if there are no more.
  ///
  /// - Parameters:
  ///   - logits: `[vocabulary.size]`.
  ///   - most: 1 or more.
  mutating func find(_ most: Int, of logits: UnsafeBufferPointer<Float>) {
    let most = min(most, logits.count)
    entries.removeAll(keepingCapacity: true)
    // The last of the first `most` tokens so far: of those that follow, an equal one has a higher id.
    // Until it is known, none is left out; nor is NaN ever, which equals no number.
    var threshold = Float.nan
    for (token, logit) in logits.enumerated() where !(logit <= threshold) {
      entries.append(Entry(token, logit))
      if entries.count == 2 * most {
        sortEntries()
        entries.removeLast(most)
        threshold = logits[self.token(at: most - 1)]
      }
    }
    sortEntries()
    entries.removeLast(entries.count - most)
  }

  /// By their keys, 8 bits at a time from the lowest; those with one key stay in their order.
  private mutating func sortEntries() {
    guard let first = entries.first else { return }
    for shift in stride(from: 0 as UInt32, to: 32, by: 8) {
      func digit(_ entry: Entry) -> Int { Int(entry.key >> shift & 0xff) }
      // Of 32 bits each, they lie on the stack, which takes no more than a kibibyte of this.
      withUnsafeTemporaryAllocation(of: Int32.self, capacity: 256) { places in
        places.initialize(repeating: 0)
        for entry in entries { places[digit(entry)] += 1 }
        guard places[digit(first)] < entries.count else { return }
        var place: Int32 = 0
        for value in places.indices {
          (places[value], place) = (place, place + places[value])
        }
        spare.removeAll(keepingCapacity: true)
        spare.append(contentsOf: repeatElement(first, count: entries.count))
        for entry in entries {
          spare[Int(places[digit(entry)])] = entry
          places[digit(entry)] += 1
        }
        swap(&entries, &spare)
      }
    }
  }
}
