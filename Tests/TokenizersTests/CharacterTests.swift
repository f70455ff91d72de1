import Foundation
import Testing
import Tokenizers

/// What expressions take for a letter, a mark, a number, punctuation, a symbol and the like, for every
/// character there is, against Hugging Face's `tokenizers`; see `make_characters.py`.
struct CharacterTests {
  /// Places of characters in the order of their code points, surrogates left out.
  private typealias Places = RangeSet<Int>

  private struct Expectation: Decodable {
    /// By the names of general categories.
    let categories: [String: Places]
    /// By the expressions that match them.
    let sets: [String: Places]
    let chunks: [String]

    private enum Keys: String, CodingKey {
      case categories, sets
      case chunks = "deepseek-v3"
    }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: Keys.self)
      var runs = try values.nestedUnkeyedContainer(forKey: .categories)
      var categories: [String: Places] = [:]
      var place = 0
      while !runs.isAtEnd {
        let category = try runs.decode(String.self)
        let end = place + (try runs.decode(Int.self))
        categories[category, default: Places()].insert(contentsOf: place..<end)
        place = end
      }
      self.categories = categories
      sets = try values.decode([String: [UInt32]].self, forKey: .sets).mapValues { ends in
        Places(
          stride(from: 0, to: ends.count, by: 2).map {
            CharacterTests.place(ends[$0])..<CharacterTests.place(ends[$0 + 1]) + 1
          })
      }
      chunks = try values.decode([String].self, forKey: .chunks)
    }
  }

  private static let expectation = Result {
    let url = URL(fileURLWithPath: Fixture.path("characters.json"))
    return try JSONDecoder().decode(Expectation.self, from: Data(contentsOf: url))
  }

  private static let scalars = (0..<0x110000 as Range<UInt32>).compactMap(Unicode.Scalar.init)
  private static let everything = Text(count: scalars.count)
  /// Up to here, in a fifth of them, are all that is written.
  private static let writing = Text(count: place(0x35000))

  /// The first `count` characters.
  private struct Text {
    let count: Int
    let bytes: [UInt8]

    init(count: Int) {
      self.count = count
      bytes = Array(String(String.UnicodeScalarView(scalars[..<count])).utf8)
    }
  }

  private static func place(_ code: UInt32) -> Int { Int(code < 0xd800 ? code : code - 0x800) }

  private func places(_ characters: Unicode.Scalar...) -> Places {
    Places(characters.map { Self.place($0.value)..<Self.place($0.value) + 1 })
  }

  /// The characters of a text that `set`, an expression for one character, matches.
  private func members(_ set: String, of text: Text) throws -> Places {
    // Runs of them are fewer matches than they are.
    let matcher = PatternMatcher(.regularExpression(try RegularExpression("(?:\(set))+")))
    var members = Places()
    try text.bytes.withUnsafeBufferPointer { bytes in
      func place(_ offset: Int) -> Int {
        guard offset < bytes.count else { return text.count }
        var decoder = UTF8()
        var rest = bytes[offset...].makeIterator()
        guard case .scalarValue(let scalar) = decoder.decode(&rest) else { return text.count }
        return Self.place(scalar.value)
      }
      try matcher.forEachMatch(in: bytes) { match in
        members.insert(contentsOf: place(match.lowerBound)..<place(match.upperBound))
      }
    }
    return members
  }

  private func expect(
    _ set: String, _ expected: Places, of text: Text = writing,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let wrong = try members(set, of: text).symmetricDifference(
      expected.intersection(Places(0..<text.count)))
    #expect(
      wrong.isEmpty,
      "\(set): \(wrong.ranges.prefix(10).map { Self.scalars[$0.lowerBound].value })",
      sourceLocation: sourceLocation)
  }

  /// One letter names all categories that begin with it.
  @Test(arguments: [
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc",
    "Pd",
    "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C", "Cc",
    "Cf",
    "Co", "Cn",
  ])
  func categoriesAreTheReferences(name: String) throws {
    let expected = try Self.expectation.get().categories.filter { $0.key.hasPrefix(name) }
      .reduce(into: Places()) { $0.formUnion($1.value) }
    let all = Places(0..<Self.scalars.count)
    try expect("\\p{\(name)}", expected, of: Self.everything)
    try expect("\\P{\(name)}", all.subtracting(expected))
    try expect("[\\p{\(name)}]", expected)
    try expect("[^\\P{\(name)}]", expected)
    let others = places("0", "1", "2", "-", "\n")
    try expect("[0-2\\P{\(name)}\\n-]", all.subtracting(expected).union(others))
    try expect("[^\\n\\p{\(name)}0-2-]", all.subtracting(expected).subtracting(others))
    try expect("[^\\n\\P{\(name)}0-2-]", expected.subtracting(others))
  }

  @Test func otherSetsAreTheReferences() throws {
    let sets = try Self.expectation.get().sets
    #expect(sets.count == 15)
    let all = Places(0..<Self.scalars.count)
    for (set, members) in sets {
      try expect(set, members, of: Self.everything)
      try expect("[\(set)]", members)
      let isEscape = set.count == 2
      let negated = isEscape ? set.uppercased() : set.replacing("\\p", with: "\\P")
      try expect(negated, all.subtracting(members))
      try expect("[\(negated)]", all.subtracting(members))
    }
  }

  /// A text takes the slower expression only for characters that the pattern has to do with.
  @Test func kindsOfLaterCharacters() throws {
    typealias Kinds = LaterCharacters.Kinds
    for (pattern, kinds) in [
      (#" ?[^\s\p{L}\p{N}]+"#, [.letters, .numbers]), (#"\w+\s"#, [.letters, .marks, .numbers]),
      (#"\d|[\P{Mn}]"#, [.numbers, .marks]), (#"\p{^P}\p{S}"#, [.punctuation, .symbols]),
      (#"\p{Cn}"#, .all), (#"\p{Han}"#, .all), (#"\p{Greek}[a-z]\r"#, []),
    ] as [(String, Kinds)] {
      #expect(try RegularExpression(pattern).laterKinds == kinds, "\(pattern)")
    }
    for (text, kinds) in [
      ("abc é 漢字 🙂", []), ("a\u{1fae8}", .symbols), ("\u{897}\u{1c89}", [.marks, .letters]),
      ("\u{1b4e} \u{16d70}\u{1343f}", [.punctuation, .numbers, .others]), ("\u{1171e}", .marks),
    ] as [(String, Kinds)] {
      let found = Array(text.utf8).withUnsafeBufferPointer { LaterCharacters.kinds(in: $0) }
      #expect(found == kinds, "\(text.debugDescription)")
    }
  }

  /// The pattern that names punctuation and symbols, among letters, spaces and digits.
  @Test func everyCharacterIsSplitAsByTheReference() throws {
    let chunks = try Self.expectation.get().chunks
    let tokenizer = try Tokenizer(contentsOf: Fixture.path("families/deepseek-v3.json"))
    let characters = Self.scalars.filter { (0x80...0x334ff).contains($0.value) }
    #expect(chunks.count == (characters.count + 1023) / 1024)
    for (index, expected) in chunks.enumerated() {
      let part = characters[(1024 * index)...].prefix(1024)
      let text = part.map { "a\($0)b \($0)\($0)1\($0)\n" }.joined()
      let identifiers = try tokenizer.encode(text.utf8)
      #expect(
        FamilyExpectation.fnv(identifiers.lazy.map { UInt64($0) }) == expected,
        "from U+\(String(part.first!.value, radix: 16))")
    }
  }
}
