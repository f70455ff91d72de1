/// A model's settings by key, whatever they are stored in: `config.json`, or one object inside it.
///
/// Each look-up with a type returns nil where the key is absent or null, and throws where the value has
/// another type; the source's errors name the key.
public protocol ConfigurationSource {
  /// What to call the source in messages, such as `config.json`.
  var name: String { get }
  /// What stands before a key in messages, such as `rope_scaling.`; empty at the file's root.
  var prefix: String { get }
  /// All keys, those with null values included.
  var keys: [String] { get }
  /// The value of the key, of whatever type; nil where it is absent, and only there.
  func setting(_ key: String) -> ConfigurationValue?

  /// A whole number that `Int` can hold.
  func integer(_ key: String) throws -> Int?
  /// Any number; a whole one counts too.
  func number(_ key: String) throws -> Double?
  func boolean(_ key: String) throws -> Bool?
  func string(_ key: String) throws -> String?
  /// An array of whole numbers; a lone one counts as an array of one.
  func integers(_ key: String) throws -> [Int]?
  func numbers(_ key: String) throws -> [Double]?
  func strings(_ key: String) throws -> [String]?
  func object(_ key: String) throws -> (any ConfigurationSource)?
}

extension ConfigurationSource {
  /// The key by its whole name, for messages.
  func title(_ key: String) -> String { quoted(prefix + key) }

  /// The value of a key that must be there: `try source.required("model_type", source.string)`.
  ///
  /// - Throws: `ModelError` where it is absent or null; what the look-up throws.
  public func required<Value>(_ key: String, _ lookUp: (String) throws -> Value?) throws -> Value {
    guard let value = try lookUp(key) else {
      throw ModelError(.malformed, "\(name) has no \(title(key)), which it needs")
    }
    return value
  }

  /// The value of a key; where there is no such key, `default`. Null is none: in Transformers too a
  /// default holds for absent keys only.
  func value<Value>(
    _ key: String, _ lookUp: (String) throws -> Value?, default: Value?
  ) throws -> Value? {
    try lookUp(key) ?? (keys.contains(key) ? nil : `default`)
  }
}
