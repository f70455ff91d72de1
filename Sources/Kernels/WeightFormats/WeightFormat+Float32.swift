extension WeightFormat {
  /// IEEE 754 singles, which fp32 precision multiplies as they are.
  public static let float32 = WeightFormat(
    name: "f32", elementsPerBlock: 1, bytesPerBlock: 4, unpack: nil,
    precisions: [.fp32],
    kernels: { arithmetic in
      WeightKernels(
        pack: arithmetic.inputKernels.pack_float32,
        dotsOfOneInput: arithmetic.table.dot_4_float32_float32,
        dotsOfSeveralInputs: arithmetic.table.dots_float32_float32)
    }, blocks: nil)
}
