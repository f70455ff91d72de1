/// Pieces of JSON text, for files whose shape is too plain, or too large, for an encoder.
enum JSONText {
  /// `text` as a JSON string with its quotes.
  static func string(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\r": quoted += "\\r"
      case "\t": quoted += "\\t"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  /// `value` with all its digits, or null where JSON has no number for it.
  static func number(_ value: Double) -> String {
    value.isFinite ? "\(value)" : "null"
  }
}
