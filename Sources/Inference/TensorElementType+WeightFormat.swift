import Kernels
import ModelFiles

extension TensorElementType {
  /// The format in which weights of this type are used where they lie, in the precisions that the format
  /// names; nil where they have to be converted, or are not supported.
  var weightFormat: WeightFormat? {
    switch self {
    case .float32: .float32
    case .bfloat16: .bfloat16
    case .float8e4m3: .fp8E4M3
    case .q80: .q8_0
    case .q40: .q4_0
    case .q41: .q4_1
    case .q50: .q5_0
    case .q51: .q5_1
    case .q2K: .q2_K
    case .q3K: .q3_K
    case .q4K: .q4_K
    case .q5K: .q5_K
    case .q6K: .q6_K
    case .iq4NL: .iq4_NL
    case .iq4XS: .iq4_XS
    case .mxfp4: .mxfp4
    default: nil
    }
  }

  /// How weights of this type become what a model computes with.
  ///
  /// - Parameter isExact: whether they are a norm or a bias, which are copied to float32 anyway, or a
  ///   matrix that is not to be rounded.
  /// - Returns: nil where the type is not supported for them.
  func use(isExact: Bool, precision: Precision) -> WeightUse? {
    switch self {
    case .float16:
      return .converted(isExact || precision == .fp32 ? .halfToFloat32 : .halfToBFloat16)
    case .float32 where !isExact && precision != .fp32:
      return .converted(.float32ToBFloat16)
    default:
      guard let format = weightFormat,
        isExact ? WeightFormat.plain.contains(format) : format.precisions.contains(precision)
      else { return nil }
      return .inPlace(format)
    }
  }

  /// Those that are supported, for messages.
  static func supportedNames(isExact: Bool, precision: Precision) -> String {
    let names = allCases.filter { $0.use(isExact: isExact, precision: precision) != nil }
      .map(\.rawValue).sorted()
    return names.dropLast().joined(separator: ", ") + " and " + (names.last ?? "")
  }
}

/// What becomes of stored weights.
enum WeightUse: Sendable {
  case inPlace(WeightFormat)
  case converted(ElementConversion)

  /// Of the weights as the model uses them.
  var format: WeightFormat {
    switch self {
    case .inPlace(let format): format
    case .converted(let conversion): conversion.result
    }
  }
}
