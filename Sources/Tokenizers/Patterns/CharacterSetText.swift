/// Some of all characters, written for PCRE2: as far as brackets can hold them, their inside, and
/// what has to stand beside the brackets.
struct CharacterSetText {
  /// The inside of brackets; it may be empty.
  var members = ""
  /// Whether `members` is one escape, which does without brackets, and is matched faster so.
  private var isEscape = false
  /// Further characters, each text an expression for one of them.
  var others: [String] = []

  /// An expression for one character of these, or of all but these.
  func expression(negated isNegated: Bool = false) -> String {
    guard isNegated else {
      let parts = (members.isEmpty ? [] : [isEscape ? members : "[\(members)]"]) + others
      return parts.count == 1 ? parts[0] : "(?:\(parts.joined(separator: "|")))"
    }
    let rest = members.isEmpty ? #"\p{Any}"# : "[^\(members)]"
    return others.isEmpty ? rest : "(?:(?!\(others.joined(separator: "|")))\(rest))"
  }

  init(members: String = "", others: [String] = []) {
    self.members = members
    self.others = others
  }

  mutating func formUnion(_ other: CharacterSetText) {
    members += other.members
    isEscape = false
    others += other.others
  }

  /// All but these.
  static func except(_ members: String) -> CharacterSetText {
    CharacterSetText(others: ["[^\(members)]"])
  }

  /// A name as tables have it: case does not matter.
  static func key(_ name: String) -> String {
    name.prefix(1).uppercased() + name.dropFirst().lowercased()
  }

  /// What `\p{name}` means: a general category, else a script, which means its extensions too in PCRE2
  /// unless one asks otherwise.
  ///
  /// - Parameter addsLater: whether PCRE2 does not know `LaterCharacters`.
  static func property(
    _ name: String, negated isNegated: Bool, addsLater: Bool
  ) -> CharacterSetText {
    let isCategory = name.unicodeScalars.count <= 2
    let own = isCategory ? name : "sc:\(name)"
    let key = key(name)
    var plain = CharacterSetText(members: "\\\(isNegated ? "P" : "p"){\(own)}")
    plain.isEscape = true
    guard addsLater else { return plain }
    let mark = "\\x{\(String(LaterCharacters.spacingMark, radix: 16))}"
    switch key {
    case "C", "Cn":
      let assigned = LaterCharacters.set(exceptOf: key == "C" ? "C" : nil) + "\\P{\(own)}"
      return isNegated ? CharacterSetText(members: assigned) : .except(assigned)
    case "Mn":
      let later = LaterCharacters.set(of: key)
      return isNegated
        ? CharacterSetText(members: mark, others: ["[^\(later)\\p{Mn}]"])
        : CharacterSetText(members: later, others: ["[^\(mark)\\P{Mn}]"])
    default:
      let later = LaterCharacters.set(of: key) + (key == "Mc" ? mark : "")
      if later.isEmpty { return plain }
      // The property comes last: a hyphen behind it is a plain character, and makes no range.
      let members = "\(later)\\p{\(own)}"
      return isNegated ? .except(members) : CharacterSetText(members: members)
    }
  }
}
