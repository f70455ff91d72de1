extension WeightFormat {
  /// bfloat16: the upper half of a float32 each. Every arithmetic multiplies it as it is.
  public static let bfloat16 = WeightFormat(
    name: "bf16", elementsPerBlock: 1, bytesPerBlock: 2,
    unpack: { elements, count, output, table in
      table.widen(elements.assumingMemoryBound(to: UInt16.self), count, output)
    },
    precisions: [.bf16, .fp32],
    kernels: { arithmetic in
      let table = arithmetic.table
      return arithmetic.inputType == .bf16
        ? WeightKernels(
          pack: arithmetic.inputKernels.pack_bf16, dotsOfOneInput: table.dot_4_bf16_bf16,
          dotsOfSeveralInputs: table.dots_bf16_bf16)
        : WeightKernels(
          pack: arithmetic.inputKernels.pack_bf16, dotsOfOneInput: table.dot_4_bf16_float32,
          dotsOfSeveralInputs: table.dots_bf16_float32)
    }, blocks: nil)
}
