/// A JSON object with the order of its keys; no key occurs twice.
///
/// Keys are equal where their bytes are. `String` compares by canonical equivalence, by which "é"
/// and "e" with a combining accent are one key; to JSON, and to vocabularies, they are two.
public struct JSONObject: Sendable {
  public struct Member: Sendable {
    public let key: String
    public let value: JSONValue
  }

  /// In the order of the text.
  public private(set) var members: [Member] = []
  /// A hash table with open addressing, at most half full: indices of `members`, -1 where a place
  /// is free. Objects of a few members go without.
  private var table: [Int32] = []

  private static let membersWithoutTable = 8

  init() {}

  /// An object of members whose keys differ.
  public init(_ members: [(key: String, value: JSONValue)]) {
    for (key, value) in members {
      let isNew = append(key, value)
      precondition(isNew, "\(key) twice in one object")
    }
  }

  /// The value of `key`, or nil.
  public subscript(key: String) -> JSONValue? {
    find(key).map { members[$0].value }
  }

  /// Adds a member at the end; false, and nothing is added, where the key is there.
  mutating func append(_ key: String, _ value: JSONValue) -> Bool {
    guard find(key) == nil else { return false }
    members.append(Member(key: key, value: value))
    if table.isEmpty {
      if members.count > Self.membersWithoutTable { rebuildTable() }
    } else if 2 * members.count > table.count {
      rebuildTable()
    } else {
      table[place(of: key)] = Int32(members.count - 1)
    }
    return true
  }

  private func find(_ key: String) -> Int? {
    if table.isEmpty {
      return members.firstIndex { Self.areEqual($0.key, key) }
    }
    let index = table[place(of: key)]
    return index < 0 ? nil : Int(index)
  }

  private mutating func rebuildTable() {
    table = [Int32](repeating: -1, count: max(32, 2 * table.count))
    for (index, member) in members.enumerated() {
      table[place(of: member.key)] = Int32(index)
    }
  }

  /// Where `key` is in the table, or would be put.
  private func place(of key: String) -> Int {
    var hasher = Hasher()
    var key = key
    key.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    var place = hasher.finalize() & (table.count - 1)
    while table[place] >= 0, !Self.areEqual(members[Int(table[place])].key, key) {
      place = (place + 1) & (table.count - 1)
    }
    return place
  }

  private static func areEqual(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8)
  }
}
