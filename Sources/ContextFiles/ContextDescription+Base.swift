import Digests

extension ContextDescription {
  /// The finished context that another one extends: its tokens stand in front of the other's own.
  public struct Base: Equatable, Sendable, Codable {
    /// Of the base, fewer than of the whole.
    public var tokens: Int
    /// Where the base was, an absolute path. It tells people where this context comes from; nothing is
    /// read there, and it may be gone.
    public var path: String
    /// That of the base's manifest, by which it is known again.
    public var manifest: Checksum
    /// The length for which the whole context is rotated, where a RoPE scaling depends on the length.
    public var rotationTokens: Int

    public init(tokens: Int, path: String, manifest: Checksum, rotationTokens: Int) {
      self.tokens = tokens
      self.path = path
      self.manifest = manifest
      self.rotationTokens = rotationTokens
    }

    enum CodingKeys: String, CodingKey {
      case tokens, path
      case manifest = "manifest_sha256"
      case rotationTokens = "rotation_tokens"
    }
  }

  /// The length for which its tokens are rotated, where a RoPE scaling depends on the length.
  public var rotationTokens: Int { base?.rotationTokens ?? tokens }

  /// KV blocks that are wholly the base's: those with numbers below this one. All others are this
  /// context's own.
  public var baseBlocks: Int { (base?.tokens ?? 0) / layout.tokensPerBlock }

  /// The block that begins with tokens of the base and goes on with this context's own; nil where none
  /// does. Its number is `baseBlocks`.
  public var sharedBlock: Int? {
    (base?.tokens ?? 0) % layout.tokensPerBlock == 0 ? nil : baseBlocks
  }

  /// Tokens of one block that are none of the base's.
  public func ownTokens(ofBlock block: Int) -> Int {
    let end = block * layout.tokensPerBlock + tokens(ofBlock: block)
    return min(tokens(ofBlock: block), max(0, end - (base?.tokens ?? 0)))
  }
}
