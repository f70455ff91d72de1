import Foundation
import Transformer

/// Settings from JSON text, for tests.
struct JSONSource: ConfigurationSource {
  struct WrongType: Error {
    let key: String
  }

  let name = "config.json"
  var values: [String: JSONValue]

  init(_ values: [String: JSONValue]) {
    self.values = values
  }

  init(_ json: Data) throws {
    values = try JSONDecoder().decode([String: JSONValue].self, from: json)
  }

  var keys: [String] { Array(values.keys) }

  func has(_ key: String) -> Bool { value(key) != nil }

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
    case .object(let values): JSONSource(values)
    default: throw WrongType(key: key)
    }
  }

  private func value(_ key: String) -> JSONValue? {
    values[key] == .null ? nil : values[key]
  }
}
