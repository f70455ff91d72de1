/// One message of a conversation.
public struct ChatMessage: Equatable, Sendable {
  public enum Role: String, Sendable {
    case system
    case user
    case assistant
  }

  /// What a template may ask of it: a `role` and a `content`, and what else there is.
  public let members: [ChatValue.Member]

  public init(_ role: Role, _ content: String) {
    members = [.init("role", .string(role.rawValue)), .init("content", .string(content))]
  }

  public init(members: [ChatValue.Member]) {
    self.members = members
  }
}
