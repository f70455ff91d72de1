import CKernels

/// What matrix products and attention read, in the type that the microkernels want.
public enum InputType: Sendable {
  case float32
  /// Float32 that holds bfloat16 values: bf16 precision on a CPU without a bf16 dot product.
  case float32OfBF16
  case bf16
  /// int8 by groups of 32, each with its scale, for weights that are multiplied as int8.
  case int8

  /// Bytes of one element; half of those of int8 are for the groups' scales and sums.
  public var bytes: Int {
    switch self {
    case .float32, .float32OfBF16: 4
    case .bf16, .int8: 2
    }
  }

  /// Bytes from one row of that type to the next.
  public func rowBytes(columns: Int) -> Int { Arithmetic.inputStride(columns: columns) * bytes }
}

/// Rows of matrix input: where they stand, and in which type.
public struct MatrixInputs {
  /// `[rows][type.rowBytes(columns:)]`
  public let rows: UnsafeRawPointer
  public let type: InputType

  public init(_ rows: UnsafeRawPointer, _ type: InputType) {
    self.rows = rows
    self.type = type
  }
}

/// How weights are multiplied that are stored in blocks of small integers.
public enum QuantizedProducts: String, Sendable, CaseIterable, Codable {
  /// As int8, with inputs rounded to int8, too.
  case int8
  /// Unpacked to the type of the precision.
  case unpacked
}

/// The arithmetic of one rank: precision, instruction set, threads and their scratch memory.
///
/// Every result follows from the operands and their global positions alone, never from the number
/// of threads.
public final class Arithmetic: @unchecked Sendable {
  public let numerics: Numerics
  public let instructionSet: InstructionSet
  public let team: ThreadTeam
  /// What attention reads, and what weights are multiplied with that are not multiplied as int8.
  public let inputType: InputType

  let table: rf_kernel_table
  let inputKernels: rf_input_kernels
  private var scratch: [ScratchMemory]
  /// What `multiplyRows` computes at present, and the part of each item of it: kept, so that a decode
  /// step takes no memory.
  var rowsCall: RowsCall?
  var rowsParts: [RowsPart] = []
  var rowsItems = 0
  private let splitInputs = ScratchMemory()
  private(set) lazy var multiplyRowsOfItem: (_ item: Int, _ thread: Int) -> Void = {
    [unowned self] item, thread in multiplyRows(ofItem: item, thread: thread)
  }

  public convenience init(precision: Precision, instructionSet: InstructionSet, team: ThreadTeam) {
    self.init(Numerics(precision: precision), instructionSet: instructionSet, team: team)
  }

  public init(_ numerics: Numerics, instructionSet: InstructionSet, team: ThreadTeam) {
    self.numerics = numerics
    self.instructionSet = instructionSet
    self.team = team
    table = rf_kernel_table_for(instructionSet.code)
    switch numerics.precision {
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

  /// The same in float32, on the same threads: for what is to be exact in any precision. Called by the
  /// thread that owns the team.
  public var inFloat32: Arithmetic {
    if precision == .fp32, quantizedProducts == .unpacked { return self }
    if let float32 { return float32 }
    let made = Arithmetic(
      Numerics(precision: .fp32), instructionSet: instructionSet, team: team)
    float32 = made
    return made
  }
  private var float32: Arithmetic?

  public var precision: Precision { numerics.precision }
  public var quantizedProducts: QuantizedProducts { numerics.quantizedProducts }
  public var keyValueFormat: KeyValueFormat { numerics.keyValueFormat }

  /// Whether own microkernels multiply panels, and compute each row by itself: then a row's bits are
  /// the same with any other rows in a call. OpenBLAS, which multiplies otherwise, may round
  /// differently for another number of rows.
  public var multipliesPanels: Bool { inputKernels.matrix != nil }

  /// Elements from one row of a matrix input to the next: whole cache lines, and room for a pair
  /// that is half empty. An odd number of groups of 32, since rows that are a multiple of 4 KB apart
  /// would take turns in the same few lines of the first-level cache.
  public static func inputStride(columns: Int) -> Int { ((columns + 31) / 32 | 1) * 32 }

  /// Bytes from one row of a matrix input to the next; no less than rows of int8 take.
  public func inputRowBytes(columns: Int) -> Int { inputType.rowBytes(columns: columns) }

  /// What the layers of a group are multiplied with: one type for all, since they read one input.
  public func inputType(of group: LinearGroup) -> InputType {
    quantizedProducts == .int8 && group.isQuantized ? .int8 : inputType
  }

  /// Makes sure that every thread has `bytes` of scratch; called before the threads start.
  func reserveScratch(bytes: Int) {
    for memory in scratch { memory.reserve(bytes: bytes) }
  }

  /// Memory for rows that all threads read.
  func reserveSplit(bytes: Int) -> UnsafeMutableRawPointer {
    splitInputs.reserve(bytes: bytes)
    return UnsafeMutableRawPointer(splitInputs.buffer.pointer)
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
