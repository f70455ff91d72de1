extension ConfigurationFile {
  /// Aliases of aliases multiply what a file stands for, and a mapping's keys are compared with all
  /// that they stand for: a file of one page could take for ever. With so few aliases, what they
  /// stand for is at most 3^6 times as long as the file.
  static let mostAliases = 16

  /// How often `yaml` says `*name` of a name that it gives with `&name`. What only looks like an
  /// alias, as in a quoted text, is counted too.
  static func aliasCount(in yaml: String) -> Int {
    let bytes = Array(yaml.utf8)
    let anchors = Set(names(after: UInt8(ascii: "&"), in: bytes))
    return anchors.isEmpty
      ? 0 : names(after: UInt8(ascii: "*"), in: bytes).count { anchors.contains($0) }
  }

  /// The names of anchors and aliases are letters, digits, `-` and `_`.
  private static func names(after sign: UInt8, in bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    bytes.indices.filter { bytes[$0] == sign }.map { index in
      bytes[(index + 1)...].prefix {
        switch $0 {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
    }.filter { !$0.isEmpty }
  }
}
