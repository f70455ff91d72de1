import JSON
import ModelFiles
import Transformer

/// `config.json`, or an object in it, as what a model family reads its settings from.
struct JSONConfigurationSource: ConfigurationSource {
  let document: JSONDocument

  var name: String { document.path }
  var prefix: String { document.prefix }
  var keys: [String] { document.keys }

  func setting(_ key: String) -> ConfigurationValue? {
    document.object[key].map(ConfigurationValue.init)
  }
  func integer(_ key: String) throws -> Int? { try document.integerIfPresent(key) }
  func number(_ key: String) throws -> Double? { try document.numberIfPresent(key) }
  func boolean(_ key: String) throws -> Bool? { try document.booleanIfPresent(key) }
  func string(_ key: String) throws -> String? { try document.stringIfPresent(key) }
  func integers(_ key: String) throws -> [Int]? { try document.integerOrIntegersIfPresent(key) }
  func numbers(_ key: String) throws -> [Double]? { try document.numbersIfPresent(key) }
  func strings(_ key: String) throws -> [String]? { try document.stringsIfPresent(key) }
  func object(_ key: String) throws -> (any ConfigurationSource)? {
    try document.objectIfPresent(key).map(JSONConfigurationSource.init)
  }
}

extension ConfigurationValue {
  fileprivate init(_ value: JSONValue) {
    self =
      switch value {
      case .null: .null
      case .boolean(let value): .boolean(value)
      case .integer(let value): .number(Double(value))
      case .unsigned(let value): .number(Double(value))
      case .number(let value): .number(value)
      case .string(let value): .string(value)
      case .array(let values): .list(values.map(ConfigurationValue.init))
      case .object(let object): .object(isEmpty: object.members.isEmpty)
      }
  }
}
