import Foundation

/// Tokens by their bytes and by their ids: all bytes in one piece of memory, and a hash table.
struct TokenIndex: Sendable {
  /// All tokens' bytes, one after the other, in the order of insertion.
  private var bytes: [UInt8] = []
  /// For each token where its bytes end.
  private var ends: [Int] = [0]
  private var identifiers: [Int32] = []
  /// Places of `identifiers`, or -1; at most half of the table is taken.
  private var table: [Int32]
  /// For each id the place of its token, or -1.
  private var places: [Int32] = []

  /// An index with room for `count` tokens.
  init(count: Int) {
    var capacity = 16
    while capacity < 2 * count { capacity *= 2 }
    table = [Int32](repeating: -1, count: capacity)
    ends.reserveCapacity(count + 1)
    identifiers.reserveCapacity(count)
    places.reserveCapacity(count)
    bytes.reserveCapacity(8 * count)
  }

  /// The number of tokens.
  var count: Int { identifiers.count }
  /// One more than the highest id.
  var identifierCount: Int { places.count }

  /// Why a token cannot be added.
  enum Refusal { case knownBytes, takenIdentifier }

  /// Adds a token with an id that is not negative; says why not where one of the two is there
  /// already.
  mutating func insert(_ token: UnsafeBufferPointer<UInt8>, id: Int32) -> Refusal? {
    if 2 * (count + 1) > table.count { grow() }
    let slot = slot(of: token)
    if table[slot] >= 0 { return .knownBytes }
    if Int(id) >= places.count {
      places += [Int32](repeating: -1, count: Int(id) + 1 - places.count)
    } else if places[Int(id)] >= 0 {
      return .takenIdentifier
    }
    table[slot] = Int32(count)
    places[Int(id)] = Int32(count)
    identifiers.append(id)
    bytes.append(contentsOf: token)
    ends.append(bytes.count)
    return nil
  }

  func identifier(of token: UnsafeBufferPointer<UInt8>) -> Int32? {
    let place = table[slot(of: token)]
    return place < 0 ? nil : identifiers[Int(place)]
  }

  func identifier(of token: some Collection<UInt8>) -> Int32? {
    token.withContiguousStorageIfAvailable(identifier(of:))
      ?? Array(token).withUnsafeBufferPointer(identifier(of:))
  }

  /// Whether some token has the id.
  func contains(_ id: Int32) -> Bool {
    places.indices.contains(Int(id)) && places[Int(id)] >= 0
  }

  /// The bytes of the token `id`; nil where none has the id.
  func bytes(of id: Int32) -> ArraySlice<UInt8>? {
    contains(id) ? bytes(at: Int(places[Int(id)])) : nil
  }

  /// The ids that no token has, up to the highest.
  var missingIdentifiers: some Sequence<Int32> {
    places.indices.lazy.filter { places[$0] < 0 }.map(Int32.init)
  }

  /// Every token, in the order of insertion.
  func forEachToken(_ body: (ArraySlice<UInt8>, Int32) throws -> Void) rethrows {
    for place in 0..<count { try body(bytes(at: place), identifiers[place]) }
  }

  private func bytes(at place: Int) -> ArraySlice<UInt8> {
    bytes[ends[place]..<ends[place + 1]]
  }

  /// Where `token` is in the table, or would be put.
  private func slot(of token: UnsafeBufferPointer<UInt8>) -> Int {
    guard let start = token.baseAddress else { return slot(hash: 1) { ends[$0] == ends[$0 + 1] } }
    return bytes.withUnsafeBufferPointer { bytes in
      slot(hash: WordCache.hash(start, token.count)) { place in
        ends[place + 1] - ends[place] == token.count
          && (token.isEmpty || memcmp(bytes.baseAddress! + ends[place], start, token.count) == 0)
      }
    }
  }

  @inline(__always)
  private func slot(hash: UInt64, isToken: (Int) -> Bool) -> Int {
    var slot = Int(truncatingIfNeeded: hash >> 16) & (table.count - 1)
    while table[slot] >= 0, !isToken(Int(table[slot])) {
      slot = (slot + 1) & (table.count - 1)
    }
    return slot
  }

  private mutating func grow() {
    table = [Int32](repeating: -1, count: 2 * table.count)
    for place in 0..<count {
      let slot = bytes(at: place).withUnsafeBufferPointer { self.slot(of: $0) }
      table[slot] = Int32(place)
    }
  }
}
