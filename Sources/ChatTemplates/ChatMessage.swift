/// One message of a conversation.
public struct ChatMessage: Equatable, Sendable {
  public enum Role: String, Sendable {
    case system
    case user
    case assistant
  }

  public let role: Role
  public let content: String

  public init(_ role: Role, _ content: String) {
    self.role = role
    self.content = content
  }
}
