import Kernels
import Testing

/// One way to compute: every combination that this machine has is tested.
struct Configuration: CustomTestStringConvertible, Sendable {
  let instructionSet: InstructionSet
  let precision: Precision

  static let all = InstructionSet.available.flatMap { set in
    Precision.allCases.map { Configuration(instructionSet: set, precision: $0) }
  }

  var testDescription: String { "\(precision.rawValue) \(instructionSet.rawValue)" }

  func arithmetic(threads: Int = 1, quantizedProducts: QuantizedProducts? = nil) -> Arithmetic {
    Arithmetic(
      Numerics(precision: precision, quantizedProducts: quantizedProducts),
      instructionSet: instructionSet,
      team: ThreadTeam(threads: threads, spins: 0))
  }

  /// What a matrix input of this precision holds instead of `value`.
  func rounded(_ value: Float) -> Float {
    precision == .bf16 ? BFloat16(value).float : value
  }
}
