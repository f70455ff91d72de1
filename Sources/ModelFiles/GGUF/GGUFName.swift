import Files
import Foundation
import SystemPackage

/// The name of a GGUF file, which tells the parts of one that was split:
/// `NAME-00001-of-00003.gguf`.
struct GGUFName {
  /// What stands before the numbers, with the folder.
  let stem: String
  /// From 1 on.
  let number: Int
  let count: Int

  private static let suffix = ".gguf"
  private static let digits = 5

  static func isGGUF(_ name: String) -> Bool { name.lowercased().hasSuffix(suffix) }

  /// Nil for a name without numbers.
  init?(part path: String) {
    let name = Array(path.utf8.dropLast(Self.suffix.utf8.count))
    let tail = Array(name.suffix(2 * Self.digits + 5))
    guard Self.isGGUF(path), tail.count == 2 * Self.digits + 5, tail.first == UInt8(ascii: "-"),
      tail[(Self.digits + 1)..<(Self.digits + 5)].elementsEqual("-of-".utf8),
      let number = Self.number(tail[1...Self.digits]),
      let count = Self.number(tail[(Self.digits + 5)...]), number >= 1, number <= count
    else { return nil }
    stem = String(decoding: name.dropLast(tail.count), as: UTF8.self)
    self.number = number
    self.count = count
  }

  /// The paths of all parts, in order.
  var parts: [String] {
    (1...count).map { "\(stem)-\(Self.text($0))-of-\(Self.text(count))\(Self.suffix)" }
  }

  private static func text(_ number: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }

  private static func number(_ text: ArraySlice<UInt8>) -> Int? {
    text.allSatisfy { (0x30...0x39).contains($0) }
      ? Int(String(decoding: text, as: UTF8.self)) : nil
  }

  /// The GGUF model in a directory without `config.json`; nil where there is such a file, or no GGUF.
  ///
  /// Throws `FileError.notFound` where there are several.
  static func onlyModel(in directory: String) throws -> String? {
    let names = ((try? FilePath(text: directory).entries()) ?? [])
    guard !names.contains(ModelDirectory.FileName.configuration) else { return nil }
    // Of a split one the part with the lowest number stands for all.
    var stems: Set<String> = []
    let models = names.filter { name in
      guard isGGUF(name) else { return false }
      guard let part = GGUFName(part: name) else { return true }
      return stems.insert("\(part.stem)-of-\(part.count)").inserted
    }
    guard models.count <= 1 else {
      let shown = models.prefix(8).joined(separator: ", ")
      let rest = models.count > 8 ? " and \(models.count - 8) more" : ""
      throw FileError(
        .notFound,
        "\(directory): has no config.json, but \(models.count) GGUF models: \(shown)\(rest); name one "
          + "of these files")
    }
    return models.first.map { "\(directory)/\($0)" }
  }
}
