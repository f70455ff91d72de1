/// Writes a pattern of Oniguruma (with Ruby's syntax, as `tokenizers` uses it) in PCRE2's syntax.
///
/// The two mean the same by almost everything. The differences, each of which is handled here:
/// - `\s` has U+180E in PCRE2 and not in Oniguruma, `\w` lacks marks and letter numbers there;
/// - `a{1,3}+` is possessive in PCRE2 and one repetition of another in Oniguruma;
/// - `\h` is a hexadecimal digit in Oniguruma and a horizontal space in PCRE2;
/// - `[a[bc]]` and `[a&&b]` are sets of sets in Oniguruma only, and refused here;
/// - a script's name means its extensions too in PCRE2;
/// - PCRE2 may be older than Unicode 16, by which the reference's Oniguruma sorts characters.
struct PatternTranslator {
  private let source: [Unicode.Scalar]
  private var position = 0
  private var result: [Unicode.Scalar] = []
  /// Where in `result` the last atom, to which a quantifier applies, begins.
  private var atomStart = 0
  /// The starts of the groups that are open.
  private var groupStarts: [Int] = []

  private static let whiteSpace =
    #"\t-\r \x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}"#
  /// Whether what Unicode 15 and 16 added is to be named one by one.
  private let addsLaterCharacters: Bool
  /// The later characters that make a difference to the pattern.
  private(set) var laterKinds: LaterCharacters.Kinds = []

  init(_ pattern: String, addsLaterCharacters: Bool) {
    self.addsLaterCharacters = addsLaterCharacters
    source = Array(pattern.unicodeScalars)
  }

  /// Throws `RegularExpression.CompilationFailure` for syntax that has no counterpart.
  mutating func translated() throws -> String {
    while position < source.count {
      let scalar = source[position]
      switch scalar {
      case "\\": try escape()
      case "[": try set()
      case "(": openGroup()
      case ")":
        atomStart = groupStarts.popLast() ?? result.count
        copy()
      case "{" where quantifierEnd() != nil: interval()
      case "*", "+", "?": copy()
      default:
        atomStart = result.count
        copy()
      }
    }
    return String(String.UnicodeScalarView(result))
  }

  private mutating func copy(_ count: Int = 1) {
    let end = min(position + count, source.count)
    result += source[position..<end]
    position = end
  }

  private func failure(_ what: String) -> RegularExpression.CompilationFailure {
    .init(problem: "has \(what) at offset \(position), which ringflash does not read")
  }

  private mutating func openGroup() {
    groupStarts.append(result.count)
    // `?` after a bracket is no quantifier.
    let opensSpecial = position + 1 < source.count && source[position + 1] == "?"
    copy(opensSpecial ? 2 : 1)
  }

  /// The index behind `{1,3}` that begins here, or nil where the brace is a plain character.
  private func quantifierEnd() -> Int? {
    guard let end = source[position...].firstIndex(of: "}"), end > position + 1 else { return nil }
    let inner = source[(position + 1)..<end]
    let isQuantifier = inner.allSatisfy { ("0"..."9").contains($0) || $0 == "," }
    return isQuantifier && inner.contains { $0 != "," } ? end + 1 : nil
  }

  private mutating func interval() {
    let end = quantifierEnd()!
    copy(end - position)
    if position < source.count, source[position] == "+" {
      result.insert(contentsOf: "(?:".unicodeScalars, at: atomStart)
      result.append(")")
    }
  }

  private mutating func escape() throws {
    atomStart = result.count
    guard position + 1 < source.count else { return copy() }
    if let set = characters() {
      result += set.expression().unicodeScalars
      return
    }
    switch source[position + 1] {
    case "b", "B", "R", "X", "K", "y", "Y", "O", "N", "c", "C", "M":
      throw failure("\\\(source[position + 1])")
    default: copy(2)
    }
  }

  /// Steps over an escape that means one of several characters; nil, and it stays, for another one.
  private mutating func characters() -> CharacterSetText? {
    let escape = source[position + 1]
    let isNegated = ("A"..."Z").contains(escape)
    let members: String
    switch escape {
    case "s", "S": members = Self.whiteSpace
    case "w", "W":
      members = wordCharacters
      laterKinds.formUnion([.letters, .marks, .numbers])
    case "h", "H": members = "0-9a-fA-F"
    case "d", "D":
      position += 2
      return property("Nd", negated: isNegated)
    case "p", "P": return property()
    default: return nil
    }
    position += 2
    return isNegated ? .except(members) : CharacterSetText(members: members)
  }

  /// Oniguruma's words: what is alphabetic, marks, decimal digits, connecting punctuation, and the
  /// numbers of Latin-1.
  private var wordCharacters: String {
    let latin = #"\x{b2}\x{b3}\x{b9}\x{bc}-\x{be}"#
    let circled =
      #"\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189}"#
    let later =
      addsLaterCharacters ? ["L", "M", "Nd"].map(LaterCharacters.set).joined() : ""
    return later + latin + circled + #"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}"#
  }

  /// `\p{L}` and the like; nil, and it stays, where no name in braces follows.
  private mutating func property() -> CharacterSetText? {
    guard position + 2 < source.count, source[position + 2] == "{",
      let end = source[position...].firstIndex(of: "}")
    else { return nil }
    let inner = source[(position + 3)..<end]
    let isNegated = (source[position + 1] == "P") != (inner.first == "^")
    let name = String(String.UnicodeScalarView(inner.first == "^" ? inner.dropFirst() : inner))
    position = end + 1
    return property(name, negated: isNegated)
  }

  private mutating func property(_ name: String, negated isNegated: Bool) -> CharacterSetText {
    laterKinds.formUnion(.init(named: CharacterSetText.key(name)))
    return .property(name, negated: isNegated, addsLater: addsLaterCharacters)
  }

  private mutating func set() throws {
    atomStart = result.count
    position += 1
    let isNegated = position < source.count && source[position] == "^"
    if isNegated { position += 1 }
    var set = CharacterSetText()
    func add(_ count: Int) {
      let end = min(position + count, source.count)
      set.members.unicodeScalars += source[position..<end]
      position = end
    }
    // A bracket that comes first is a plain character.
    if position < source.count, source[position] == "]" {
      set.members += "\\"
      add(1)
    }
    while position < source.count, source[position] != "]" {
      switch source[position] {
      case "[": throw failure("a set within a set")
      case "&" where position + 1 < source.count && source[position + 1] == "&":
        throw failure("an intersection of sets")
      case "\\" where position + 1 < source.count:
        if let characters = characters() {
          set.formUnion(characters)
          continue
        }
        switch source[position + 1] {
        case "R", "X", "c", "C", "M": throw failure("\\\(source[position + 1]) in a set")
        default: add(2)
        }
      default: add(1)
      }
    }
    guard position < source.count else { throw failure("a set without its end") }
    position += 1
    result += set.expression(negated: isNegated).unicodeScalars
  }
}
