import CKernels
import Kernels
import TestSupport

/// Memory for a panel of int8 weights, as `CKernels.h` describes it.
final class BlockPanel {
  let format: WeightFormat
  let groups: Int
  /// How many scales a group of 32 has.
  let parts: Int
  let hasMinimums: Bool
  let groupBytes: Int
  private let memory: AlignedBuffer<UInt8>

  init(_ format: WeightFormat, inputs: Int) {
    self.format = format
    groups = inputs / 32
    let memory = AlignedBuffer<UInt8>(count: format.bytesPerBlock)
    let block = ReferenceBlock(format, at: memory.pointer)
    parts = 32 / block.weightsPerScale
    hasMinimums = !block.minimums.isEmpty
    groupBytes = 1024 + 128 * parts * (hasMinimums ? 2 : 1)
    self.memory = AlignedBuffer(count: groups * groupBytes)
  }

  var bytes: UnsafeMutableRawPointer { UnsafeMutableRawPointer(memory.pointer) }

  func kernels(_ kernels: rf_formats) -> rf_format_kernels {
    switch format {
    case .q8_0: kernels.q8_0
    case .q4_0: kernels.q4_0
    case .q4_1: kernels.q4_1
    case .q5_0: kernels.q5_0
    case .q5_1: kernels.q5_1
    case .q2_K: kernels.q2_k
    case .q3_K: kernels.q3_k
    case .q4_K: kernels.q4_k
    case .q5_K: kernels.q5_k
    case .q6_K: kernels.q6_k
    case .iq4_NL: kernels.iq4_nl
    case .iq4_XS: kernels.iq4_xs
    case .mxfp4: kernels.mxfp4
    default: preconditionFailure("\(format) has no blocks of small integers")
    }
  }
}

/// The kernels of an instruction set.
func table(of set: InstructionSet) -> rf_kernel_table { rf_kernel_table_for(set.code) }

/// The same where the CPU has no int8 dot products.
func tableWithoutInt8DotProducts(of set: InstructionSet) -> rf_kernel_table {
  rf_kernel_table_without_int8_dot_products(set.code)
}

extension InstructionSet {
  fileprivate var code: rf_instruction_set {
    rf_instruction_set(UInt32(Self.allCases.firstIndex(of: self)!))
  }
}
