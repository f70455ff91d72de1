/// Why a model cannot be used, in one sentence that says what is wrong, where, and what to do.
public struct ModelError: Error, Equatable, Sendable, CustomStringConvertible {
  public enum Kind: Sendable {
    /// The model is well formed but asks for something this program does not do.
    case unsupported
    /// The model contradicts itself, or lacks something it needs.
    case malformed
  }

  public let kind: Kind
  public let message: String

  public init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  public var description: String { message }
}

/// A name from a file as it may stand in a message: quoted, control characters escaped, not too
/// long.
func quoted(_ name: String) -> String {
  let limit = 100
  return (name.count <= limit ? name : name.prefix(limit) + "…").debugDescription
}
