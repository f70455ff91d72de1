import CKernels

/// What matrix products and attention read, in the type that the microkernels want.
public enum InputType: Sendable {
  case float32
  /// Float32 that holds bfloat16 values: bf16 precision on a CPU without a bf16 dot product.
  case float32OfBF16
  case bf16

  public var bytes: Int { self == .bf16 ? 2 : 4 }
}

/// The arithmetic of one rank: precision, instruction set, threads and their scratch memory.
///
/// Every result follows from the operands and their global positions alone, never from the number
/// of threads.
public final class Arithmetic: @unchecked Sendable {
  public let precision: Precision
  public let instructionSet: InstructionSet
  public let team: ThreadTeam
  public let inputType: InputType

  let table: rf_kernel_table
  let inputKernels: rf_input_kernels
  private var scratch: [ScratchMemory]
  /// What `multiplyRows` computes at present, and the part of each item of it: kept, so that a decode
  /// step takes no memory.
  var rowsCall: RowsCall?
  private(set) lazy var multiplyRowsOfItem: (_ item: Int, _ thread: Int) -> Void = {
    [unowned self] item, _ in rowsCall!.multiply(item: item)
  }

  public init(precision: Precision, instructionSet: InstructionSet, team: ThreadTeam) {
    self.precision = precision
    self.instructionSet = instructionSet
    self.team = team
    table = rf_kernel_table_for(instructionSet.code)
    switch precision {
    case .fp32:
      inputType = .float32
      inputKernels = table.float32
    case .bf16 where table.bf16.matrix != nil:
      inputType = .bf16
      inputKernels = table.bf16
    case .bf16:
      inputType = .float32OfBF16
      inputKernels = table.f32bf16
    }
    scratch = (0..<team.threads).map { _ in ScratchMemory() }
  }

  /// Whether own microkernels multiply panels, and compute each row by itself: then a row's bits are
  /// the same with any other rows in a call. OpenBLAS, which multiplies otherwise, may round
  /// differently for another number of rows.
  public var multipliesPanels: Bool { inputKernels.matrix != nil }

  /// Elements from one row of a matrix input to the next: whole cache lines, and room for a pair
  /// that is half empty. An odd number of groups of 32, since rows that are a multiple of 4 KB apart
  /// would take turns in the same few lines of the first-level cache.
  public static func inputStride(columns: Int) -> Int { ((columns + 31) / 32 | 1) * 32 }

  /// Bytes from one row of a matrix input to the next.
  public func inputRowBytes(columns: Int) -> Int {
    Self.inputStride(columns: columns) * inputType.bytes
  }

  /// Makes sure that every thread has `bytes` of scratch; called before the threads start.
  func reserveScratch(bytes: Int) {
    for memory in scratch { memory.reserve(bytes: bytes) }
  }

  func scratch(of thread: Int) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(scratch[thread].buffer.pointer)
  }
}

final class ScratchMemory {
  private(set) var buffer = AlignedBuffer<UInt8>(count: 0)

  func reserve(bytes: Int) {
    if buffer.count < bytes { buffer = AlignedBuffer(count: bytes) }
  }
}
