import Foundation

/// `value` as JSON on one line with a newline at its end, keys sorted, slashes as they are.
///
/// - Throws: what `JSONEncoder` throws.
public func lineOfJSON(_ value: some Encodable) throws -> Data {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  return try encoder.encode(value) + Data("\n".utf8)
}
