/// What each token id stands for.
struct Vocabulary: Sendable {
  /// The highest id that is read: far above any vocabulary in use, low enough for a table.
  static let highestIdentifier: Int32 = (1 << 24) - 1

  /// For each id its bytes; empty for an id that no token has.
  private var bytes: [[UInt8]] = []
  private var isTaken: [Bool] = []
  private var specialIdentifiers: Set<Int32> = []
  private var addedIdentifiers: [String: Int32] = [:]

  /// One more than the highest id.
  var count: Int { bytes.count }

  /// Gives `id` to the token of these bytes; false where the id is taken or out of range.
  mutating func insert(_ tokenBytes: [UInt8], id: Int32) -> Bool {
    guard (0...Self.highestIdentifier).contains(id) else { return false }
    let index = Int(id)
    if index >= bytes.count {
      let missing = index + 1 - bytes.count
      bytes += [[UInt8]](repeating: [], count: missing)
      isTaken += [Bool](repeating: false, count: missing)
    }
    if isTaken[index] { return false }
    isTaken[index] = true
    bytes[index] = tokenBytes
    return true
  }

  /// Marks the token `id` as an added one: it stands for its `content`, whatever the model reads
  /// into it.
  mutating func markAdded(_ content: String, id: Int32, isSpecial: Bool) {
    bytes[Int(id)] = Array(content.utf8)
    addedIdentifiers[content] = id
    if isSpecial { specialIdentifiers.insert(id) }
  }

  func bytes(of id: Int32) -> [UInt8] {
    bytes.indices.contains(Int(id)) ? bytes[Int(id)] : []
  }

  func isSpecial(_ id: Int32) -> Bool {
    specialIdentifiers.contains(id)
  }

  func identifier(ofAdded content: String) -> Int32? {
    addedIdentifiers[content]
  }
}
