import Foundation

/// What a command says: one JSON object, or lines of a label and a value.
protocol CommandReport: Encodable {
  /// In which column values begin.
  static var valueColumn: Int { get }
  var lines: [(label: String, value: String)] { get }
}

extension CommandReport {
  /// Writes it to standard output.
  ///
  /// - Throws: 74, and what `JSONEncoder` throws.
  func write(asJSON: Bool) throws {
    try StandardOutput.write(asJSON ? json() : text())
  }

  func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }

  private func text() -> String {
    lines.map {
      $0.label.padding(toLength: Self.valueColumn, withPad: " ", startingAt: 0) + $0.value + "\n"
    }.joined()
  }
}
