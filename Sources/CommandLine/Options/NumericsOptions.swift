import ArgumentParser
import Kernels
import Ranks

/// The types that a benchmark or a plan computes with.
package struct NumericsOptions: ParsableArguments, Sendable {
  @Option(
    parsing: .unconditional,
    help: .init("Type of K, V and matrix inputs: bf16 or fp32. (default: bf16)", valueName: "type"),
    transform: OptionValue.choice(Precision.self))
  package var precision: Precision = .bf16

  @Option(
    parsing: .unconditional,
    help: .init(
      "How quantized weights are multiplied: int8 or unpacked; as in generate.",
      valueName: "type"),
    transform: OptionValue.choice(QuantizedProducts.self))
  package var weightsAs: QuantizedProducts?

  @Option(
    parsing: .unconditional,
    help: .init(
      "Type of the keys and values that are kept: bf16, fp32 or q8; as in generate.",
      valueName: "type"),
    transform: OptionValue.choice(KeyValueFormat.self))
  package var kvCache: KeyValueFormat?

  package init() {}

  /// - Throws: 64 where the options contradict each other.
  func numerics() throws(Failure) -> Numerics {
    try Numerics(precision: precision, weightsAs: weightsAs, keyValueCache: kvCache)
  }
}
