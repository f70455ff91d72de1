import CKernels

/// How the rows of a weight matrix are stored, and what unpacks them. How they are multiplied is the
/// arithmetic's: see `Precision`.
///
/// A row is a whole number of blocks, each of some elements in some bytes; rows follow one another
/// without gaps. A format has a file of its own with its description, and a line in `all`.
public struct WeightFormat: Sendable {
  /// What it is called, such as "bf16"; no two have the same name.
  public let name: String
  /// Elements that are stored together, and the bytes that they take.
  public let elementsPerBlock: Int
  public let bytesPerBlock: Int

  /// Writes `count` elements from the start of a row on, as float32, which is exact; the elements may
  /// lie at any address. Nil where they are float32 already.
  let unpack: Unpacking?
  /// The precisions in which rows are multiplied as they lie. In another one they are to be converted
  /// before.
  public let precisions: Set<Precision>
  /// What multiplies them, in an arithmetic of one of these; nil where they are packed as `blocks`, or
  /// unpacked to another format before.
  let kernels: (@Sendable (Arithmetic) -> WeightKernels)?
  /// How they are packed where they are blocks of small integers; nil where they are numbers of their
  /// own.
  let blocks: WeightBlocks?

  typealias Unpacking =
    @Sendable (
      _ elements: UnsafeRawPointer, _ count: Int, _ output: UnsafeMutablePointer<Float>,
      _ table: rf_kernel_table
    ) -> Void

  /// Every format that there is.
  public static let all: [WeightFormat] = plain + quantized + [.fp8E4M3]
  /// Those whose elements are numbers of their own.
  public static let plain: [WeightFormat] = [.bfloat16, .float32]
  /// Those of blocks of small integers.
  public static let quantized: [WeightFormat] = [
    .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q2_K, .q3_K, .q4_K, .q5_K, .q6_K, .iq4_NL, .iq4_XS, .mxfp4,
  ]

  /// Bytes of one row of so many elements.
  public func rowBytes(inputs: Int) -> Int {
    (inputs + elementsPerBlock - 1) / elementsPerBlock * bytesPerBlock
  }

  /// The first `count` elements of a row at `elements`, at whatever address, as float32.
  ///
  /// - Parameter count: whole blocks.
  public func floats(at elements: UnsafeRawPointer, count: Int) -> [Float] {
    [Float](unsafeUninitializedCapacity: count) { floats, initialized in
      initialized = count
      guard count > 0 else { return }
      unpackRow(
        elements, count: count, into: floats.baseAddress!,
        with: rf_kernel_table_for(rf_instruction_set_portable))
    }
  }

  /// The same into memory of the caller's.
  func unpackRow(
    _ elements: UnsafeRawPointer, count: Int, into output: UnsafeMutablePointer<Float>,
    with table: rf_kernel_table
  ) {
    guard let unpack else {
      UnsafeMutableRawPointer(output).copyMemory(
        from: elements, byteCount: count * MemoryLayout<Float>.stride)
      return
    }
    unpack(elements, count, output, table)
  }
}

extension WeightFormat: Hashable {
  public static func == (left: WeightFormat, right: WeightFormat) -> Bool {
    left.name == right.name
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(name) }
}

extension WeightFormat: CustomStringConvertible {
  public var description: String { name }
}

/// How one arithmetic multiplies the rows of one format.
struct WeightKernels {
  /// Packs a panel for the matrix microkernels; nil where OpenBLAS multiplies.
  let pack: rf_pack_function?
  let dotsOfOneInput: rf_dot_4_function
  let dotsOfSeveralInputs: rf_dots_function
}
