/// Where in the job a rank is, kept by whoever works, so that a message can name it.
public struct Place: Sendable {
  /// Such as "prefill".
  public var stage: StaticString
  /// What is counted there, the larger part first: `("layer", 5)` and `("hop", 2)`.
  public var part: (name: StaticString, number: Int)?
  public var detail: (name: StaticString, number: Int)?

  public init(
    stage: StaticString = "start", part: (name: StaticString, number: Int)? = nil,
    detail: (name: StaticString, number: Int)? = nil
  ) {
    self.stage = stage
    self.part = part
    self.detail = detail
  }
}

extension Place: CustomStringConvertible {
  /// Such as "layer 5, hop 2 of the prefill".
  public var description: String {
    let parts = [part, detail].compactMap { $0 }.map { "\($0.name) \($0.number)" }
    return parts.isEmpty ? "the \(stage)" : "\(parts.joined(separator: ", ")) of the \(stage)"
  }
}
