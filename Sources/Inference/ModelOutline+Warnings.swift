import ModelFiles

extension ModelOutline {
  /// What a configuration has that nobody here knows, as the beginning of a sentence; nil for nothing.
  public var unknownKeys: String? {
    Self.unknownKeys(remarks.unknownKeys, in: name)
  }

  /// What a run ought to know in which context, prompt and answer have up to so many tokens, as
  /// `warnings` are; nil for nothing.
  public func warning(sequenceTokens tokens: Int) -> String? {
    guard let chunk = remarks.tokensWithoutDualChunks, tokens > chunk else { return nil }
    return "context, prompt and answer have up to \(tokens) tokens, and beyond \(chunk) the model "
      + "\(name) was made for dual chunk attention, which is missing here: answers may be worse than "
      + "its makers'"
  }

  /// - Throws: `FileError` where there is an index of weights and it is malformed.
  static func warnings(
    _ directory: ModelDirectory, unknownKeys: [String], _ weights: WeightPlan
  ) throws -> [String] {
    let path = directory.path
    return [
      Self.unknownKeys(unknownKeys, in: path).map {
        "\($0); the model is computed as without \(unknownKeys.count == 1 ? "it" : "them")"
      },
      unusedTensors(weights.unusedTensors, in: path),
      weights.origin == .none ? try missing(directory) : nil,
    ].compactMap(\.self)
  }

  private static func missing(_ directory: ModelDirectory) throws -> String? {
    switch try directory.tensorPresence() {
    case .all: nil
    case .index(let missing, let shards, _):
      "\(directory.path) lacks \(missing) of the \(shards) files that its index names"
    case .none: directory.foreignTensors.map { "\(directory.path) \($0)" }
    }
  }

  private static func unknownKeys(_ keys: [String], in path: String) -> String? {
    keys.isEmpty
      ? nil
      : "\(path)/config.json has \(keys.count == 1 ? "a key" : "\(keys.count) keys") that ringflash "
        + "does not know: \(list(keys, upTo: 100))"
  }

  private static func unusedTensors(_ names: [String], in path: String) -> String? {
    names.isEmpty
      ? nil
      : "\(path) has \(names.count == 1 ? "a tensor" : "\(names.count) tensors") that the model does "
        + "not use: \(list(names, upTo: 4)); compare its config.json with the files"
  }

  private static func list(_ names: [String], upTo count: Int) -> String {
    let rest = names.count - count
    return names.prefix(count).map { $0.prefix(100).debugDescription }.joined(separator: ", ")
      + (rest > 0 ? " and \(rest) more" : "")
  }
}
