/// Texts of which the first to be complete ends another text, prepared to be looked for all at once:
/// the automaton of Aho and Corasick (1975). To make it takes time in proportion to the texts, to use it
/// in proportion to what is searched, however many texts there are.
///
/// A state is a prefix of one of the texts: the longest that the text so far ends with.
public struct StopTexts: Sendable {
  /// The texts as they were given.
  private let texts: [String]

  // Of each state, 0 the empty prefix, shorter prefixes first. The states that are one byte longer than
  // another stand together, in the order of that byte.
  // [states]: the prefix's length, and its last byte.
  private var depths: [Int32] = [0]
  private var bytes: [UInt8] = [0]
  // [states + 1]: the first state that is one byte longer.
  private var firstLonger: [Int32] = []
  // [states]: the longest state that this one's prefix ends with, itself left out.
  private var fallbacks: [Int32] = []
  // [states]: which of the texts, the longest of several, this one's prefix ends with; -1 for none.
  private var matches: [Int32] = []

  /// Throws `TokenizerError.invalidOption` for an empty stop text. Without any stop texts all text
  /// is let through.
  public init(_ texts: [String]) throws {
    guard !texts.contains("") else {
      throw TokenizerError(
        .invalidOption,
        "a stop text is empty and would stop at once; give it at least one character")
    }
    self.texts = texts
    addStates()
    connectStates()
  }

  /// The tree of all prefixes, level by level.
  private mutating func addStates() {
    let sorted = texts.indices.map { (index: Int32($0), bytes: Array(texts[$0].utf8)) }.sorted {
      $0.bytes.lexicographicallyPrecedes($1.bytes)
    }
    // Of each state: which of the sorted texts begin with its prefix.
    var ranges = [0..<sorted.count]
    var state = 0
    while state < ranges.count {
      firstLonger.append(Int32(depths.count))
      let depth = Int(depths[state])
      var rest = ranges[state]
      matches.append(-1)
      // The prefix itself comes before all that go on, perhaps more than once.
      while let first = rest.first, sorted[first].bytes.count == depth {
        matches[state] = sorted[first].index
        rest.removeFirst()
      }
      while let first = rest.first {
        let byte = sorted[first].bytes[depth]
        let end = rest.first { sorted[$0].bytes[depth] != byte } ?? rest.upperBound
        ranges.append(first..<end)
        depths.append(Int32(depth + 1))
        bytes.append(byte)
        rest = end..<rest.upperBound
      }
      state += 1
    }
    firstLonger.append(Int32(depths.count))
  }

  /// Fallbacks are shorter, so they are there before they are needed.
  private mutating func connectStates() {
    fallbacks = [Int32](repeating: 0, count: depths.count)
    for state in depths.indices {
      for longer in Int(firstLonger[state])..<Int(firstLonger[state + 1]) {
        if state > 0 { fallbacks[longer] = next(fallbacks[state], bytes[longer]) }
        if matches[longer] < 0 { matches[longer] = matches[Int(fallbacks[longer])] }
      }
    }
  }

  /// The state behind one more byte.
  func next(_ state: Int32, _ byte: UInt8) -> Int32 {
    var state = state
    while true {
      if let longer = longer(state, byte) { return longer }
      guard state > 0 else { return 0 }
      state = fallbacks[Int(state)]
    }
  }

  /// The state whose prefix is this one's and `byte`, if there is one.
  private func longer(_ state: Int32, _ byte: UInt8) -> Int32? {
    var low = firstLonger[Int(state)]
    var high = firstLonger[Int(state) + 1]
    while low < high {
      let middle = (low + high) / 2
      if bytes[Int(middle)] < byte { low = middle + 1 } else { high = middle }
    }
    return low < firstLonger[Int(state) + 1] && bytes[Int(low)] == byte ? low : nil
  }

  /// How many bytes of the text so far may become one of the texts.
  func heldBytes(_ state: Int32) -> Int { Int(depths[Int(state)]) }

  /// The text that is complete in this state, the longest of several; nil for none.
  func match(_ state: Int32) -> String? {
    let match = matches[Int(state)]
    return match < 0 ? nil : texts[Int(match)]
  }
}
