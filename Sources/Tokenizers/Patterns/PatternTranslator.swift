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
  /// Whether letters, marks and numbers of Unicode 15 and 16 are to be named one by one.
  private let addsLaterCharacters: Bool

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
    switch source[position + 1] {
    case "s": replace("[\(Self.whiteSpace)]")
    case "S": replace("[^\(Self.whiteSpace)]")
    case "w": replace("[\(wordCharacters)]")
    case "W": replace("[^\(wordCharacters)]")
    case "h": replace("[0-9a-fA-F]")
    case "H": replace("[^0-9a-fA-F]")
    case "b", "B", "R", "X", "K", "y", "Y", "O", "N", "c", "C", "M":
      throw failure("\\\(source[position + 1])")
    case "p", "P": property(inSet: false)
    case "d": replace("[\(later("Nd", or: #"\d"#))]")
    case "D": replace("[^\(later("Nd", or: #"\d"#))]")
    default: copy(2)
    }
  }

  /// The inside of a set of `category`, with the later characters of the categories `names`.
  private func later(_ names: String..., or category: String) -> String {
    addsLaterCharacters
      ? names.reduce(category) { $0 + LaterCharacters.set(ofCategory: $1) } : category
  }

  /// Oniguruma's words: what is alphabetic, marks, decimal digits, connecting punctuation, and the
  /// numbers of Latin-1.
  private var wordCharacters: String {
    let latin = #"\x{b2}\x{b3}\x{b9}\x{bc}-\x{be}"#
    let circled =
      #"\x{24b6}-\x{24e9}\x{1f130}-\x{1f149}\x{1f150}-\x{1f169}\x{1f170}-\x{1f189}"#
    return later("L", "M", "Nd", or: #"\p{L}\p{M}\p{Nd}\p{Nl}\p{Pc}"#) + latin + circled
  }

  private mutating func replace(_ text: String) {
    result += text.unicodeScalars
    position += 2
  }

  /// `\p{L}` and the like. General categories mean the same; other names are scripts.
  private mutating func property(inSet: Bool) {
    guard position + 2 < source.count, source[position + 2] == "{",
      let end = source[position...].firstIndex(of: "}")
    else { return copy(2) }
    let inner = source[(position + 3)..<end]
    let isNegated = (source[position + 1] == "P") != (inner.first == "^")
    let name = inner.first == "^" ? inner.dropFirst() : inner
    if name.count > 2 {
      copy(inner.first == "^" ? 4 : 3)
      result += "sc:".unicodeScalars
      return copy(end + 1 - position)
    }
    let later =
      addsLaterCharacters
      ? LaterCharacters.set(ofCategory: String(String.UnicodeScalarView(name))) : ""
    if later.isEmpty || inSet && isNegated { return copy(end + 1 - position) }
    position = end + 1
    let members = "\\p{\(String(String.UnicodeScalarView(name)))}\(later)"
    result += (inSet ? members : "[\(isNegated ? "^" : "")\(members)]").unicodeScalars
  }

  private mutating func set() throws {
    atomStart = result.count
    copy()
    if position < source.count, source[position] == "^" { copy() }
    // A bracket that comes first is a plain character.
    if position < source.count, source[position] == "]" {
      result.append("\\")
      copy()
    }
    while position < source.count, source[position] != "]" {
      switch source[position] {
      case "[": throw failure("a set within a set")
      case "&" where position + 1 < source.count && source[position + 1] == "&":
        throw failure("an intersection of sets")
      case "\\" where position + 1 < source.count:
        switch source[position + 1] {
        case "s": replace(Self.whiteSpace)
        case "w": replace(wordCharacters)
        case "h": replace("0-9a-fA-F")
        case "S", "W", "H", "R", "X", "c", "C", "M":
          throw failure("\\\(source[position + 1]) in a set")
        case "p", "P": property(inSet: true)
        default: copy(2)
        }
      default: copy()
      }
    }
    copy()
  }
}
