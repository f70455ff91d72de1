/// The types of a tensor's elements, by the names that safetensors files have for them, and those of
/// GGUF files that safetensors files do not have, by ggml's names.
///
/// Safetensors' types of 4 and 6 bits are left out: their elements do not start at whole bytes.
public enum TensorElementType: String, CaseIterable, Sendable {
  case boolean = "BOOL"
  case unsignedInteger8 = "U8"
  case integer8 = "I8"
  case float8e5m2 = "F8_E5M2"
  case float8e4m3 = "F8_E4M3"
  case float8e8m0 = "F8_E8M0"
  case unsignedInteger16 = "U16"
  case integer16 = "I16"
  case float16 = "F16"
  case bfloat16 = "BF16"
  case unsignedInteger32 = "U32"
  case integer32 = "I32"
  case float32 = "F32"
  case unsignedInteger64 = "U64"
  case integer64 = "I64"
  case float64 = "F64"
  case complex64 = "C64"

  // Quantized: consecutive elements of a row are stored together with their scales.
  case q40 = "Q4_0"
  case q41 = "Q4_1"
  case q50 = "Q5_0"
  case q51 = "Q5_1"
  case q80 = "Q8_0"
  case q2K = "Q2_K"
  case q3K = "Q3_K"
  case q4K = "Q4_K"
  case q5K = "Q5_K"
  case q6K = "Q6_K"
  case iq4NL = "IQ4_NL"
  case iq4XS = "IQ4_XS"
  case mxfp4 = "MXFP4"

  /// How many elements of a row are stored together.
  public var elementsPerBlock: Int {
    switch self {
    case .q40, .q41, .q50, .q51, .q80, .iq4NL, .mxfp4: 32
    case .q2K, .q3K, .q4K, .q5K, .q6K, .iq4XS: 256
    default: 1
    }
  }

  /// The bytes that they take.
  public var bytesPerBlock: Int {
    switch self {
    case .boolean, .unsignedInteger8, .integer8, .float8e5m2, .float8e4m3, .float8e8m0: 1
    case .unsignedInteger16, .integer16, .float16, .bfloat16: 2
    case .unsignedInteger32, .integer32, .float32: 4
    case .unsignedInteger64, .integer64, .float64, .complex64: 8
    case .mxfp4: 17
    case .q40, .iq4NL: 18
    case .q41: 20
    case .q50: 22
    case .q51: 24
    case .q80: 34
    case .q2K: 84
    case .q3K: 110
    case .iq4XS: 136
    case .q4K: 144
    case .q5K: 176
    case .q6K: 210
    }
  }

  public var isQuantized: Bool { elementsPerBlock > 1 }

  /// The types that safetensors files have.
  public static let ofSafetensors = allCases.filter { !$0.isQuantized }

  /// The alignment, in bytes, that reading an element in place asks for.
  var alignment: Int {
    if isQuantized { return 1 }
    return self == .complex64 ? 4 : bytesPerBlock
  }

  /// The bytes of a tensor whose rows are whole blocks, or nil where some partial product overflows.
  public func byteCount(shape: [Int]) -> Int? {
    var product = bytesPerBlock
    for (index, dimension) in shape.enumerated() {
      let isRow = index == shape.count - 1
      let (next, overflow) = product.multipliedReportingOverflow(
        by: isRow ? dimension / elementsPerBlock : dimension)
      if overflow { return nil }
      product = next
    }
    return product
  }
}
