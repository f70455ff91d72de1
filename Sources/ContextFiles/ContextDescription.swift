import Files

/// What a saved context is of: all that is known before its prefill and stays the same in every
/// checkpoint. Only a run that is described alike but for names can read its bytes.
public struct ContextDescription: Equatable, Sendable, Codable {
  /// The model that prefilled it.
  public struct Model: Equatable, Sendable, Codable {
    /// What reports call it.
    public var name: String
    /// Where it was: an absolute path, or the built-in model's name.
    public var path: String
    /// By which the same model is known on another path or host.
    public var identity: String
    public var randomWeights: Bool

    public init(name: String, path: String, identity: String, randomWeights: Bool) {
      self.name = name
      self.path = path
      self.identity = identity
      self.randomWeights = randomWeights
    }

    enum CodingKeys: String, CodingKey {
      case name, path, identity
      case randomWeights = "random_weights"
    }
  }

  /// How a chat template rendered the context.
  public struct Chat: Equatable, Sendable, Codable {
    /// The system's message before the user's.
    public var system: String?
    /// Whether the context ends with the blank line that separates it from a question.
    public var separated: Bool
    /// What else the template was told: JSON texts by the names of its variables; nil for nothing.
    public var variables: [String: String]?

    public init(system: String?, separated: Bool, variables: [String: String]? = nil) {
      self.system = system
      self.separated = separated
      self.variables = variables
    }
  }

  /// The release that saved it.
  public var version: String
  public var model: Model
  /// The type of K, V and matrix inputs.
  public var precision: String
  public var instructionSet: String
  public var layout: Layout
  /// Layers of the model.
  public var layers: Int
  /// Tokens of the context.
  public var tokens: Int
  /// Nil where the context is plain text or token ids.
  public var chat: Chat?
  /// What it extends; nil where it begins by itself.
  public var base: Base?

  public init(
    version: String, model: Model, precision: String, instructionSet: String, layout: Layout,
    layers: Int, tokens: Int, chat: Chat?
  ) {
    self.version = version
    self.model = model
    self.precision = precision
    self.instructionSet = instructionSet
    self.layout = layout
    self.layers = layers
    self.tokens = tokens
    self.chat = chat
  }

  enum CodingKeys: String, CodingKey {
    case version = "ringflash_version"
    case model, precision
    case instructionSet = "instruction_set"
    case layout, layers, tokens, chat, base
  }
}

extension ContextDescription {
  /// KV blocks of the context; the last one may be partly filled.
  public var blocks: Int { (tokens + layout.tokensPerBlock - 1) / layout.tokensPerBlock }

  /// Tokens of one block.
  public func tokens(ofBlock block: Int) -> Int {
    min(layout.tokensPerBlock, tokens - block * layout.tokensPerBlock)
  }

  /// Bytes of one block's file of activations: `[own tokens][hiddenSize]` float32.
  public func activationBytes(ofBlock block: Int) -> Int {
    ownTokens(ofBlock: block) * rowBytes
  }

  /// Bytes of one position's activations.
  public var rowBytes: Int { layout.hiddenSize * MemoryLayout<Float>.stride }

  /// Bytes of so many layers of the KV blocks that are its own.
  public func keyValueBytes(layers: Int) -> Int {
    (blocks - baseBlocks) * layout.blockBytes(layers: layers)
  }

  /// Bytes of all activations behind one layer.
  public var activationBytes: Int { (tokens - (base?.tokens ?? 0)) * rowBytes }

  /// Throws unless a run that is described by `other` can use what this one saved.
  ///
  /// - Parameter path: the saved context's, for the message.
  /// - Throws: `FileError` of the kind `mismatch`.
  public func check(against other: ContextDescription, path: String) throws(FileError) {
    func mismatch(_ problem: String) -> FileError {
      FileError(.mismatch, "the saved context '\(path)' \(problem)")
    }
    guard precision == other.precision else {
      throw mismatch(
        "was computed in \(precision), not in \(other.precision); leave out --precision")
    }
    guard model.randomWeights == other.model.randomWeights, model.identity == other.model.identity
    else {
      throw mismatch(
        """
        is of another model ('\(model.name)'\(model.randomWeights ? " with random weights" : "")) \
        than '\(other.model.name)'\(other.model.randomWeights ? " with random weights" : ""), or \
        that was changed; give the one that it was saved with
        """)
    }
    guard instructionSet == other.instructionSet else {
      throw mismatch(
        """
        was computed with \(instructionSet), this job computes with \(other.instructionSet); set \
        RINGFLASH_ISA=\(instructionSet) on all hosts, or save the context anew
        """)
    }
    guard layout == other.layout, layers == other.layers else {
      throw mismatch(
        "has its keys and values in another order than this ringflash; save the context anew")
    }
    // Of the same context; one that extends this one has another base.
    if let base, let otherBase = other.base, tokens == other.tokens {
      guard base.tokens == otherBase.tokens, base.rotationTokens == otherBase.rotationTokens else {
        throw mismatch(
          """
          goes on behind \(base.tokens) tokens and is rotated for \(base.rotationTokens), not behind \
          \(otherBase.tokens) and for \(otherBase.rotationTokens); save the context anew
          """)
      }
    }
  }
}
