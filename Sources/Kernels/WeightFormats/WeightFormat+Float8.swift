extension WeightFormat {
  /// FP8 in the form E4M3, without infinities (Micikevicius et al., arXiv:2209.05433): a code times
  /// its matrix's scale is a weight. See CKernels/vector/float8.h and Arithmetic+Scaled.swift.
  public static let fp8E4M3 = WeightFormat(
    name: "fp8_e4m3", elementsPerBlock: 1, bytesPerBlock: 1,
    unpack: { codes, count, output, table in
      table.unpack_e4m3_float32(codes, count, 1, output)
    },
    precisions: [.bf16, .fp32], kernels: nil, blocks: nil)

  /// Whether a matrix of this format has scales, with which its rows are unpacked before they are
  /// multiplied.
  public var isScaled: Bool { kernels == nil && blocks == nil }
}
