import Files
import Ranks

extension Failure {
  /// The one line for standard error, without its newline. Control characters (a newline in a
  /// file's name, say) are escaped, so that it stays one line.
  package var message: String {
    var line = "ringflash: error: "
    for scalar in sentence.unicodeScalars {
      if let byte = scalar.spelledByte {
        line += "\\x" + String(byte, radix: 16, uppercase: true)
      } else if scalar.properties.generalCategory == .control {
        line += scalar.escaped(asASCII: true)
      } else {
        line.unicodeScalars.append(scalar)
      }
    }
    return line
  }
}
