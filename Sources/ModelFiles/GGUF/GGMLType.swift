/// The element types of GGUF files by ggml's numbers.
enum GGMLType {
  private static let supported: [UInt32: TensorElementType] = [
    0: .float32, 1: .float16, 2: .q40, 3: .q41, 6: .q50, 7: .q51, 8: .q80, 10: .q2K, 11: .q3K,
    12: .q4K, 13: .q5K, 14: .q6K, 20: .iq4NL, 23: .iq4XS, 30: .bfloat16, 39: .mxfp4,
  ]

  /// What else there is, or was.
  private static let others: [UInt32: String] = [
    4: "Q4_2", 5: "Q4_3", 9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS",
    19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 34: "TQ1_0", 35: "TQ2_0",
    36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8", 40: "NVFP4", 41: "Q1_0",
  ]

  /// Nil where it is not supported.
  static func elementType(_ number: UInt32) -> TensorElementType? { supported[number] }

  /// What to call a type that is not supported.
  static func name(_ number: UInt32) -> String {
    others[number].map { "the type \($0)" } ?? "a type of an unknown number, \(number)"
  }

  static let supportedNames = supported.keys.sorted().map { supported[$0]!.rawValue }
    .joined(separator: ", ")
}
