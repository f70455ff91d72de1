import Foundation

/// Numbers as Python writes them.
enum NumberText {
  /// What `repr(value)` gives: the fewest digits that tell the number from its neighbours.
  static func representation(of value: Double) -> String {
    guard value.isFinite else { return value.isNaN ? "nan" : value < 0 ? "-inf" : "inf" }
    if value == 0 { return value.sign == .minus ? "-0.0" : "0.0" }
    let (digits, exponent) = decimal(value.magnitude)
    let sign = value < 0 ? "-" : ""
    guard (-4..<16).contains(exponent) else {
      let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
      let magnitude = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
      return "\(sign)\(digits.prefix(1))\(fraction)e\(exponent < 0 ? "-" : "+")\(magnitude)"
    }
    if exponent < 0 {
      return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits
    }
    let padded =
      digits + String(repeating: "0", count: max(0, exponent + 1 - digits.count))
    let fraction = padded.dropFirst(exponent + 1)
    return "\(sign)\(padded.prefix(exponent + 1)).\(fraction.isEmpty ? "0" : fraction)"
  }

  /// The shortest digits and the power of ten of the first of them.
  private static func decimal(_ value: Double) -> (digits: String, exponent: Int) {
    let parts = "\(value)".lowercased().split(separator: "e")
    let number = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    let whole = String(number[0])
    let fraction = number.count > 1 ? String(number[1]) : ""
    var exponent = (parts.count > 1 ? Int(parts[1]) ?? 0 : 0) + whole.count - 1
    var digits = whole + fraction
    while digits.hasPrefix("0"), digits.count > 1 {
      digits.removeFirst()
      exponent -= 1
    }
    while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
    return (digits, exponent)
  }

  /// What C's `printf` gives for one number.
  static func formatted(_ value: Double, as conversion: Character, precision: Int) -> String {
    String(format: "%.\(min(precision, 1000))\(conversion)", value)
  }

  /// What `float(text)` gives; nil where it fails.
  static func float(_ text: Text) -> Double? {
    let trimmed = text.stripped()
    guard let digits = withoutUnderscores(trimmed) else { return nil }
    switch digits.lowercased() {
    case "inf", "+inf", "infinity", "+infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    case "nan", "+nan", "-nan": return .nan
    default:
      // Python knows no hexadecimal floats.
      guard digits.unicodeScalars.allSatisfy({ "0123456789+-.eE".unicodeScalars.contains($0) })
      else { return nil }
      let padded = digits.hasSuffix(".") ? digits + "0" : digits
      return Double(padded.hasPrefix(".") ? "0" + padded : padded) ?? Double(digits)
    }
  }

  /// What `int(text, base)` gives; nil where it fails.
  ///
  /// - Throws: `limit` for more than 64 bits.
  static func integer(_ text: Text, base: Int) throws(Problem) -> Int? {
    guard var digits = withoutUnderscores(text.stripped())?.lowercased() else { return nil }
    let isNegative = digits.hasPrefix("-")
    if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
    var radix = base
    for (prefix, value) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) {
      guard base == value || base == 0 else { continue }
      radix = value
      digits.removeFirst(2)
    }
    if radix == 0 { radix = 10 }
    guard (2...36).contains(radix), let first = digits.unicodeScalars.first,
      first != "-", first != "+",
      digits.unicodeScalars.allSatisfy({ Int(String($0), radix: radix) != nil })
    else { return nil }
    guard let value = Int((isNegative ? "-" : "") + digits, radix: radix) else {
      throw Problem(.limit, "a number has more than 64 bits")
    }
    return value
  }

  /// Digits may be divided by single underscores; nil where one stands elsewhere.
  private static func withoutUnderscores(_ text: Text) -> String? {
    let string = text.string
    guard string.contains("_") else { return string }
    let parts = string.split(separator: "_", omittingEmptySubsequences: false)
    let isDivided = zip(parts, parts.dropFirst()).allSatisfy { left, right in
      left.last?.isHexDigit == true && right.first?.isHexDigit == true
    }
    return isDivided ? parts.joined() : nil
  }
}
