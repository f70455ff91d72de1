/// The types that a run computes with: what the bits of its results depend on besides model, tokens and
/// instruction set.
public struct Numerics: Codable, Hashable, Sendable {
  public let precision: Precision
  public let quantizedProducts: QuantizedProducts
  public let keyValueFormat: KeyValueFormat

  /// - Parameters:
  ///   - quantizedProducts: by default as int8 in bf16 precision, and unpacked in fp32.
  ///   - keyValueFormat: q8, or the precision's own, which is the default.
  public init(
    precision: Precision = .bf16, quantizedProducts: QuantizedProducts? = nil,
    keyValueFormat: KeyValueFormat? = nil
  ) {
    let own = KeyValueFormat(precision)
    self.precision = precision
    self.quantizedProducts = quantizedProducts ?? Self.products(precision)
    self.keyValueFormat = keyValueFormat ?? own
    precondition(
      self.keyValueFormat == .q8 || self.keyValueFormat == own,
      "keys and values have the type of the precision, or are q8")
  }

  private static func products(_ precision: Precision) -> QuantizedProducts {
    precision == .bf16 ? .int8 : .unpacked
  }

  /// The precision, and what else is not as it is by default: `bf16`, `bf16+unpacked+q8`.
  public var name: String {
    var parts = [precision.rawValue]
    if quantizedProducts != Self.products(precision) { parts.append(quantizedProducts.rawValue) }
    if keyValueFormat == .q8 { parts.append(keyValueFormat.rawValue) }
    return parts.joined(separator: "+")
  }

  /// Nil for what is no such name.
  public init?(name: String) {
    for precision in Precision.allCases {
      for products in QuantizedProducts.allCases {
        for format in [KeyValueFormat(precision), .q8] {
          let numerics = Numerics(
            precision: precision, quantizedProducts: products, keyValueFormat: format)
          if numerics.name == name {
            self = numerics
            return
          }
        }
      }
    }
    return nil
  }
}
