/// The types of a tensor's elements that safetensors files hold, by their names in the format.
///
/// The format's types of 4 and 6 bits are left out: their elements do not start at whole bytes.
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

  /// Bytes of one element.
  public var byteCount: Int {
    switch self {
    case .boolean, .unsignedInteger8, .integer8, .float8e5m2, .float8e4m3, .float8e8m0: 1
    case .unsignedInteger16, .integer16, .float16, .bfloat16: 2
    case .unsignedInteger32, .integer32, .float32: 4
    case .unsignedInteger64, .integer64, .float64, .complex64: 8
    }
  }

  /// The alignment, in bytes, that reading an element in place asks for.
  var alignment: Int {
    self == .complex64 ? 4 : byteCount
  }
}
