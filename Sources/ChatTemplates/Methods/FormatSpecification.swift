/// What stands behind the colon in `'{:>8.2f}'.format(…)`, or between `%` and its letter.
struct FormatSpecification {
  enum Alignment { case left, right, center, afterSign }

  var fill: Text = " "
  var alignment: Alignment?
  /// `+`, a blank, or nothing.
  var sign = ""
  /// `#`
  var isAlternate = false
  var width = 0
  /// What stands between groups of three digits.
  var grouping = ""
  var precision: Int?
  var type: Character?

  init() {}

  /// Parses a format specification of `str.format`.
  init(_ text: Text) throws(Problem) {
    var rest = Array(text.scalars)[...]
    func alignment(_ scalar: Unicode.Scalar?) -> Alignment? {
      switch scalar {
      case "<": .left
      case ">": .right
      case "^": .center
      case "=": .afterSign
      default: nil
      }
    }
    if rest.count > 1, let given = alignment(rest[rest.startIndex + 1]) {
      fill = Text(rest[rest.startIndex])
      self.alignment = given
      rest = rest.dropFirst(2)
    } else if let given = alignment(rest.first) {
      self.alignment = given
      rest = rest.dropFirst()
    }
    func take(_ scalar: Unicode.Scalar) -> Bool {
      guard rest.first == scalar else { return false }
      rest = rest.dropFirst()
      return true
    }
    func number() throws(Problem) -> Int? {
      var value: Int?
      while let digit = rest.first, ("0"..."9").contains(digit) {
        value = (value ?? 0) * 10 + Int(digit.value - 48)
        guard value ?? 0 < 1 << 32 else {
          throw Problem(.limit, "the width of a format is too large")
        }
        rest = rest.dropFirst()
      }
      return value
    }
    if take("+") { sign = "+" } else if take(" ") { sign = " " } else if take("-") { sign = "" }
    isAlternate = take("#")
    if take("0"), self.alignment == nil {
      fill = "0"
      self.alignment = .afterSign
    }
    width = try number() ?? 0
    if take(",") { grouping = "," } else if take("_") { grouping = "_" }
    if take(".") {
      precision = try number()
      guard precision != nil else { throw Self.invalid(text) }
    }
    type = rest.popFirst().map(Character.init)
    guard rest.isEmpty else { throw Self.invalid(text) }
  }

  static func invalid(_ text: Text) -> Problem {
    Problem(.failed, "'\(text.string)' is not a format of a value")
  }
}

extension Interpreter {
  /// A number's digits with its sign, filled up to the width.
  func padded(
    sign: String, _ digits: Text, _ specification: FormatSpecification,
    standard: FormatSpecification.Alignment
  ) throws(Problem) -> Text {
    let missing = specification.width - sign.utf8.count - digits.count
    let sign = Text(sign)
    guard missing > 0 else { return sign + digits }
    switch specification.alignment ?? standard {
    case .left: return sign + digits + (try repeated(specification.fill, missing))
    case .right: return try repeated(specification.fill, missing) + sign + digits
    case .center:
      let left = try repeated(specification.fill, missing / 2)
      return left + sign + digits + (try repeated(specification.fill, missing - missing / 2))
    case .afterSign: return sign + (try repeated(specification.fill, missing)) + digits
    }
  }

  /// A whole number in one of the types `d`, `b`, `o`, `x` and `X`.
  func formatted(
    _ value: Int, _ specification: FormatSpecification, _ type: Character
  ) throws(Problem) -> Text {
    let (radix, prefix) =
      switch type {
      case "b": (2, "0b")
      case "o": (8, "0o")
      case "x": (16, "0x")
      case "X": (16, "0X")
      default: (10, "")
      }
    let digits = String(value.magnitude, radix: radix, uppercase: type == "X")
    return try padded(
      sign: sign(isNegative: value < 0, specification) + (specification.isAlternate ? prefix : ""),
      grouped(digits, specification, groupSize: radix == 10 ? 3 : 4), specification,
      standard: .right)
  }

  /// A number in one of the types `e`, `f`, `g` in either case, and `%`.
  func formatted(
    _ value: Double, _ specification: FormatSpecification, _ type: Character
  ) throws(Problem) -> Text {
    let precision = specification.precision ?? 6
    guard precision <= 1000 else {
      throw Problem(.unsupported, "more than 1000 digits of a number are not supported")
    }
    let magnitude = type == "%" ? value.magnitude * 100 : value.magnitude
    var digits: String
    if value.isFinite {
      digits = NumberText.formatted(
        magnitude, as: type == "%" ? "f" : type, precision: precision)
    } else {
      digits = value.isNaN ? "nan" : "inf"
      if type.isUppercase { digits = digits.uppercased() }
    }
    if type == "%" { digits += "%" }
    let isNegative = value.sign == .minus && !value.isNaN
    return try padded(
      sign: sign(isNegative: isNegative, specification),
      value.isFinite ? grouped(digits, specification, groupSize: 3) : Text(digits), specification,
      standard: .right)
  }

  private func sign(isNegative: Bool, _ specification: FormatSpecification) -> String {
    isNegative ? "-" : specification.sign
  }

  /// With a separator between groups of digits before the point, zeros that fill included.
  private func grouped(
    _ digits: String, _ specification: FormatSpecification, groupSize: Int
  ) -> Text {
    guard !specification.grouping.isEmpty else { return Text(digits) }
    let whole = digits.prefix { $0.isHexDigit && $0 != "e" || $0.isNumber }
    var result = ""
    for (index, digit) in whole.enumerated() {
      if index > 0, (whole.count - index) % groupSize == 0 { result += specification.grouping }
      result.append(digit)
    }
    return Text(result + digits.dropFirst(whole.count))
  }
}
