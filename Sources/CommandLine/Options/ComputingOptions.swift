import ArgumentParser
import Inference
import Kernels
import RingAttention

/// How a run over a context computes. As in `GenerateOptions`, nil is what was not given.
package struct ComputingOptions: ParsableArguments, Sendable {
  @Option(
    name: GenerateOption.precision.name, parsing: .unconditional,
    help: .init("Type of K, V and matrix inputs: bf16 or fp32. (default: bf16)", valueName: "type"),
    transform: OptionValue.choice(Precision.self))
  package var precision: Precision?

  @Option(
    name: GenerateOption.weightsAs.name, parsing: .unconditional,
    help: .init(
      """
      How quantized weights are multiplied: int8, with inputs rounded to int8, or unpacked to the \
      type of --precision. (default: int8, with --precision fp32 unpacked)
      """, valueName: "type"),
    transform: OptionValue.choice(QuantizedProducts.self))
  package var weightsAs: QuantizedProducts?

  @Option(
    name: GenerateOption.kvCache.name, parsing: .unconditional,
    help: .init(
      """
      Type of the keys and values that are kept: bf16, fp32 or q8, int8 with scales, which takes half \
      of the memory of bf16. (default: that of --precision)
      """, valueName: "type"),
    transform: OptionValue.choice(KeyValueFormat.self))
  package var kvCache: KeyValueFormat?

  @Option(
    name: GenerateOption.divideWeights.name, parsing: .unconditional,
    help: .init(
      """
      Whether each host holds only its part of the weights, which pass from host to host in the       prefill: on, off, or auto, where a host has too little memory for all. (default: auto)
      """, valueName: "when"),
    transform: OptionValue.choice(WeightDividing.self))
  package var divideWeights: WeightDividing?

  @Option(
    name: GenerateOption.threads.name, parsing: .unconditional,
    help: .init(
      "Threads of each rank, 1 to 1024. (default: its share of the host's cores)", valueName: "n"),
    transform: OptionValue.integer(1...1024))
  package var threads: Int?

  @Option(
    name: GenerateOption.partition.name, parsing: .unconditional,
    help: .init(
      """
      How the sequence is divided among the ranks: zigzag, contiguous or striped. \
      (default: zigzag)
      """, valueName: "kind"),
    transform: OptionValue.choice(PartitionKind.self))
  package var partition: PartitionKind?

  @Option(
    name: GenerateOption.stallTimeout.name, parsing: .unconditional,
    help: .init(
      """
      End the job when a rank has given no sign of life for so many seconds, 1 to 1000000. \
      (default: \(GenerateSettings.defaultStallTimeout))
      """, valueName: "seconds"),
    transform: OptionValue.integer(1...1_000_000))
  package var stallTimeout: Int?

  package init() {}
}
