import Foundation
import Transformer

/// Settings from JSON text, for tests.
struct JSONSource: ConfigurationSource {
  struct WrongType: Error {
    let key: String
  }

  let name = "config.json"
  let prefix: String
  var values: [String: JSONValue]

  init(_ values: [String: JSONValue], prefix: String = "") {
    self.values = values
    self.prefix = prefix
  }

  init(_ json: Data) throws {
    prefix = ""
    values = try JSONDecoder().decode([String: JSONValue].self, from: json)
  }

  var keys: [String] { Array(values.keys) }

  func setting(_ key: String) -> ConfigurationValue? { values[key].map(ConfigurationValue.init) }

  func integer(_ key: String) throws -> Int? {
    switch value(key) {
    case nil: nil
    case .integer(let value): value
    default: throw WrongType(key: key)
    }
  }

  func number(_ key: String) throws -> Double? {
    switch value(key) {
    case nil: nil
    case .integer(let value): Double(value)
    case .number(let value): value
    default: throw WrongType(key: key)
    }
  }

  func boolean(_ key: String) throws -> Bool? {
    switch value(key) {
    case nil: nil
    case .boolean(let value): value
    default: throw WrongType(key: key)
    }
  }

  func string(_ key: String) throws -> String? {
    switch value(key) {
    case nil: nil
    case .string(let value): value
    default: throw WrongType(key: key)
    }
  }

  func integers(_ key: String) throws -> [Int]? {
    switch value(key) {
    case nil: nil
    case .integer(let value): [value]
    case .array(let values):
      try values.map {
        guard case .integer(let value) = $0 else { throw WrongType(key: key) }
        return value
      }
    default: throw WrongType(key: key)
    }
  }

  func numbers(_ key: String) throws -> [Double]? {
    switch value(key) {
    case nil: nil
    case .array(let values):
      try values.map {
        switch $0 {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: throw WrongType(key: key)
        }
      }
    default: throw WrongType(key: key)
    }
  }

  func strings(_ key: String) throws -> [String]? {
    switch value(key) {
    case nil: nil
    case .array(let values):
      try values.map {
        guard case .string(let value) = $0 else { throw WrongType(key: key) }
        return value
      }
    default: throw WrongType(key: key)
    }
  }

  func object(_ key: String) throws -> (any ConfigurationSource)? {
    switch value(key) {
    case nil: nil
    case .object(let values): JSONSource(values, prefix: "\(prefix)\(key).")
    default: throw WrongType(key: key)
    }
  }

  private func value(_ key: String) -> JSONValue? {
    values[key] == .null ? nil : values[key]
  }
}

extension ConfigurationValue {
  fileprivate init(_ value: JSONValue) {
    self =
      switch value {
      case .null: .null
      case .boolean(let value): .boolean(value)
      case .integer(let value): .number(Double(value))
      case .number(let value): .number(value)
      case .string(let value): .string(value)
      case .array(let values): .list(values.map(ConfigurationValue.init))
      case .object(let members): .object(isEmpty: members.isEmpty)
      }
  }
}
