import Kernels
import Ranks

extension Numerics {
  /// What options say; nil for what is not given.
  ///
  /// - Throws: 64 where the cache has the type of another precision.
  init(
    precision: Precision?, weightsAs products: QuantizedProducts?,
    keyValueCache format: KeyValueFormat?
  ) throws(Failure) {
    let precision = precision ?? .bf16
    let own = KeyValueFormat(precision)
    if let format, format != .q8, format != own {
      throw Failure(
        .usage,
        "--kv-cache \(format.rawValue) does not go with --precision \(precision.rawValue); give "
          + "\(own.rawValue) or q8")
    }
    self.init(precision: precision, quantizedProducts: products, keyValueFormat: format)
  }
}
