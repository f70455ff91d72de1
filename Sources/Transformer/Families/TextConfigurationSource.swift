/// The text part of a multimodal model's configuration, as the family of its text model reads it.
///
/// Which keys beside it count, and which of two goes first, is as in Hugging Face Transformers.
struct TextConfigurationSource: ConfigurationSource {
  private let root: any ConfigurationSource
  private let part: any ConfigurationSource
  /// Keys that are not the text part's, though they stand there.
  private let hidden: Set<String>
  /// Values whatever the file says.
  private var always: [String: ConfigurationValue]
  /// Values of keys that the text part does not have.
  private let defaults: [String: ConfigurationValue]

  /// Keys that count where they stand at the root, and otherwise in the text part.
  private static let ofRoot = QuantizationNotice.keys.union(["bos_token_id", "eos_token_id"])

  /// - Parameter part: nil where the text part's keys stand at the root.
  /// - Throws: what the look-ups throw.
  init(root: any ConfigurationSource, part: (any ConfigurationSource)?, _ text: MultimodalText)
    throws
  {
    self.root = root
    self.part = part ?? root
    hidden = (part == nil ? MultimodalType.keys : []).union(["architectures"])
    always = text.always
    always["model_type"] = .string(text.family)
    // A model that is tied says so in one place, and may say the contrary in the other.
    let ties = try [root, self.part].compactMap { try $0.boolean("tie_word_embeddings") }
    if !ties.isEmpty { always["tie_word_embeddings"] = .boolean(ties.contains(true)) }
    let vocabulary = try self.part.integer("vocab_size") ?? .max
    defaults = text.defaults.filter { key, value in
      // A token that lies outside a small vocabulary is none.
      !key.hasSuffix("_token_id") || value.integer ?? 0 < vocabulary
    }
  }

  var name: String { root.name }
  var prefix: String { part.prefix }
  var keys: [String] {
    let all = Set(part.keys).union(always.keys).union(defaults.keys).union(
      Self.ofRoot.filter(root.keys.contains))
    return all.subtracting(hidden).sorted()
  }

  private enum Place {
    case file(any ConfigurationSource)
    case value(ConfigurationValue)
  }

  private func place(of key: String) -> Place {
    if hidden.contains(key) { return .value(.null) }
    if let value = always[key] { return .value(value) }
    if Self.ofRoot.contains(key), root.setting(key) ?? .null != .null { return .file(root) }
    return part.keys.contains(key) ? .file(part) : defaults[key].map(Place.value) ?? .file(part)
  }

  private func look<Value>(
    _ key: String, inFile lookUp: (any ConfigurationSource) throws -> Value?,
    given: (ConfigurationValue) -> Value?
  ) rethrows -> Value? {
    switch place(of: key) {
    case .file(let source): try lookUp(source)
    case .value(let value): given(value)
    }
  }

  func setting(_ key: String) -> ConfigurationValue? {
    hidden.contains(key) ? nil : look(key, inFile: { $0.setting(key) }, given: { $0 })
  }
  func integer(_ key: String) throws -> Int? {
    try look(key, inFile: { try $0.integer(key) }, given: \.integer)
  }
  func number(_ key: String) throws -> Double? {
    try look(key, inFile: { try $0.number(key) }, given: \.number)
  }
  func boolean(_ key: String) throws -> Bool? {
    try look(key, inFile: { try $0.boolean(key) }, given: \.boolean)
  }
  func string(_ key: String) throws -> String? {
    try look(key, inFile: { try $0.string(key) }, given: \.string)
  }
  func integers(_ key: String) throws -> [Int]? {
    try look(key, inFile: { try $0.integers(key) }, given: { $0.integer.map { [$0] } })
  }
  func numbers(_ key: String) throws -> [Double]? {
    try look(key, inFile: { try $0.numbers(key) }, given: { _ in nil })
  }
  func strings(_ key: String) throws -> [String]? {
    try look(key, inFile: { try $0.strings(key) }, given: { _ in nil })
  }
  func object(_ key: String) throws -> (any ConfigurationSource)? {
    try look(key, inFile: { try $0.object(key) }, given: { _ in nil })
  }
}

extension ConfigurationValue {
  fileprivate var number: Double? {
    if case .number(let value) = self { value } else { nil }
  }
  fileprivate var integer: Int? { number.flatMap(Int.init(exactly:)) }
  fileprivate var boolean: Bool? {
    if case .boolean(let value) = self { value } else { nil }
  }
  fileprivate var string: String? {
    if case .string(let value) = self { value } else { nil }
  }
}
