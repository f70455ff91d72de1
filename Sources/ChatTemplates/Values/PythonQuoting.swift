/// Strings as Python's `repr()` writes them.
enum PythonQuoting {
  static func quote(_ text: Text, _ output: inout [UInt8]) {
    let hasSingle = text.bytes.contains(UInt8(ascii: "'"))
    let hasDouble = text.bytes.contains(UInt8(ascii: "\""))
    let quote = hasSingle && !hasDouble ? UInt8(ascii: "\"") : UInt8(ascii: "'")
    output.append(quote)
    for scalar in text.scalars {
      switch scalar {
      case "\\": output += Array("\\\\".utf8)
      case "\n": output += Array("\\n".utf8)
      case "\r": output += Array("\\r".utf8)
      case "\t": output += Array("\\t".utf8)
      case _ where scalar.value == UInt32(quote): output += [UInt8(ascii: "\\"), quote]
      case _ where isPrintable(scalar): output += Array(scalar.utf8)
      default:
        let (letter, digits) =
          scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x1_0000 ? ("u", 4) : ("U", 8)
        output += Array("\\\(letter)\(hexadecimal(scalar.value, digits: digits))".utf8)
      }
    }
    output.append(quote)
  }

  static func hexadecimal(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar.value >= 0x20 && scalar.value != 0x7F }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator, .spaceSeparator:
      return false
    default: return true
    }
  }
}
