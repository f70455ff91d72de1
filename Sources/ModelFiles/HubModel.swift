/// A model by the name it has on the Hugging Face Hub: `ORG/NAME`, or `ORG/NAME@REVISION`.
public struct HubModel: Equatable, Sendable, CustomStringConvertible {
  public let organization: String
  public let name: String
  /// A branch, a tag or a commit; nil is the branch `main`.
  public let revision: String?

  /// Nil for what is no such name. It has one slash; beside it stand letters, digits, `_`, and `-`
  /// and `.`, which are neither first nor last nor doubled, as the Hub has it.
  public init?(_ text: String) {
    let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
    let names = parts[0].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard names.count == 2, names.allSatisfy(Self.isName) else { return nil }
    revision = parts.count == 2 ? String(parts[1]) : nil
    if let revision, !Self.isRevision(revision) { return nil }
    organization = names[0]
    name = names[1]
  }

  public var description: String { "\(organization)/\(name)" + (revision.map { "@\($0)" } ?? "") }

  /// The command that fetches it, all files of it.
  var fetchCommand: String {
    "hf download \(organization)/\(name)" + (revision.map { " --revision \($0)" } ?? "")
  }

  private static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 96 && text.utf8.allSatisfy { isWord($0) || isMark($0) }
      && !isMark(text.utf8.first!) && !isMark(text.utf8.last!)
      && !text.contains("--") && !text.contains("..")
  }

  /// Branches may have slashes in their names.
  private static func isRevision(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { isWord($0) || isMark($0) || $0 == UInt8(ascii: "/") }
      && text.split(separator: "/", omittingEmptySubsequences: false)
        .allSatisfy { !$0.isEmpty && !$0.hasPrefix(".") }
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  private static func isMark(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
  }
}
