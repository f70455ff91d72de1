import CKernels

/// How the rows of a format whose blocks hold small integers become panels of int8.
struct WeightBlocks: Sendable {
  /// Of 32 inputs, in one block.
  let groups: Int
  /// 2 where each half of a group has its scale, else 1.
  let parts: Int
  let hasMinimums: Bool
  /// Its own kernels.
  let kernels: @Sendable (rf_formats) -> rf_format_kernels

  /// Bytes of a panel for one group: quants, scales, minimums.
  var groupBytes: Int {
    let panel = Int(RF_PANEL_COLUMNS)
    return 32 * panel + 4 * panel * parts * (hasMinimums ? 2 : 1)
  }

  /// The most that any format needs.
  static let mostGroupBytes = 32 * Int(RF_PANEL_COLUMNS) + 4 * Int(RF_PANEL_COLUMNS) * 4

  func pack(_ table: rf_kernel_table) -> rf_pack_blocks_function { kernels(table.formats).pack }

  /// What multiplies its panels.
  func matrix(_ table: rf_kernel_table) -> rf_int8_matrix_function {
    switch (parts, hasMinimums) {
    case (1, false): table.matrix_s8g32
    case (1, true): table.matrix_s8g32m
    case (_, false): table.matrix_s8g16
    case (_, true): table.matrix_s8g16m
    }
  }
}

// The formats of ggml and the Open Compute Project. What a block holds stands in the file of that name
// in CKernels/formats.
//
// They are called what ggml calls them.
// swift-format-ignore: AlwaysUseLowerCamelCase
extension WeightFormat {
  public static let q8_0 = blocks("q8_0", of: 32, bytes: 34) { $0.q8_0 }
  public static let q4_0 = blocks("q4_0", of: 32, bytes: 18) { $0.q4_0 }
  public static let q4_1 = blocks("q4_1", of: 32, bytes: 20, hasMinimums: true) { $0.q4_1 }
  public static let q5_0 = blocks("q5_0", of: 32, bytes: 22) { $0.q5_0 }
  public static let q5_1 = blocks("q5_1", of: 32, bytes: 24, hasMinimums: true) { $0.q5_1 }
  public static let q2_K = blocks("q2_k", of: 256, bytes: 84, parts: 2, hasMinimums: true) {
    $0.q2_k
  }
  public static let q3_K = blocks("q3_k", of: 256, bytes: 110, parts: 2) { $0.q3_k }
  public static let q4_K = blocks("q4_k", of: 256, bytes: 144, hasMinimums: true) { $0.q4_k }
  public static let q5_K = blocks("q5_k", of: 256, bytes: 176, hasMinimums: true) { $0.q5_k }
  public static let q6_K = blocks("q6_k", of: 256, bytes: 210, parts: 2) { $0.q6_k }
  public static let iq4_NL = blocks("iq4_nl", of: 32, bytes: 18) { $0.iq4_nl }
  public static let iq4_XS = blocks("iq4_xs", of: 256, bytes: 136) { $0.iq4_xs }
  public static let mxfp4 = blocks("mxfp4", of: 32, bytes: 17) { $0.mxfp4 }

  private static func blocks(
    _ name: String, of elements: Int, bytes: Int, parts: Int = 1, hasMinimums: Bool = false,
    kernels: @escaping @Sendable (rf_formats) -> rf_format_kernels
  ) -> WeightFormat {
    let blocks = WeightBlocks(
      groups: elements / 32, parts: parts, hasMinimums: hasMinimums, kernels: kernels)
    return WeightFormat(
      name: name, elementsPerBlock: elements, bytesPerBlock: bytes,
      unpack: { row, count, output, table in blocks.unpack(row, bytes, count, output, table) },
      precisions: [.bf16, .fp32], kernels: nil, blocks: blocks)
  }
}

extension WeightBlocks {
  /// Groups that are packed at a time, where they are unpacked at once: a whole block of every format.
  static let groupsAtOnce = 8

  /// One row as float32, from its start.
  fileprivate func unpack(
    _ row: UnsafeRawPointer, _ blockBytes: Int, _ count: Int,
    _ output: UnsafeMutablePointer<Float>, _ table: rf_kernel_table
  ) {
    let (panel, atOnce) = (Int(RF_PANEL_COLUMNS), Self.groupsAtOnce)
    let pack = pack(table)
    precondition(count % (32 * groups) == 0, "a row is whole blocks")
    // On the stack: a decode step takes no memory.
    var memory = InlineArray<11_264, Float>(repeating: 0)
    var span = memory.mutableSpan
    span.withUnsafeMutableBytes { memory in
      precondition(memory.count >= atOnce * (groupBytes + 32 * panel * 4))
      let packed = memory.baseAddress!
      let columns = (packed + atOnce * groupBytes).assumingMemoryBound(to: Float.self)
      for first in stride(from: 0, to: count / 32, by: atOnce) {
        let now = min(atOnce, count / 32 - first)
        pack(row + first / groups * blockBytes, 0, 1, now / groups, row, packed)
        table.float32.unpack(packed, now, parts, hasMinimums, columns)
        for element in 0..<32 * now { output[32 * first + element] = columns[element * panel] }
      }
    }
  }
}

extension WeightMatrix {
  /// Whether the scales of some of the rows are finite numbers; where the format has none, they are.
  public func hasFiniteScales(rows: Range<Int>) -> Bool {
    guard let blocks = format.blocks else { return true }
    let table = rf_kernel_table_for(InstructionSet.available.last!.code)
    let pack = blocks.pack(table)
    let (panel, atOnce) = (Int(RF_PANEL_COLUMNS), WeightBlocks.groupsAtOnce)
    let quantBytes = 32 * panel
    return withUnsafeTemporaryAllocation(byteCount: atOnce * blocks.groupBytes, alignment: 64) {
      let packed = $0.baseAddress!
      for first in stride(from: rows.lowerBound, to: rows.upperBound, by: panel) {
        let count = min(panel, rows.upperBound - first)
        for group in stride(from: 0, to: inputs / 32, by: atOnce) {
          let groups = min(atOnce, inputs / 32 - group)
          pack(
            row(first) + group / blocks.groups * format.bytesPerBlock, rowBytes, count,
            groups / blocks.groups,
            row(first + count) + group / blocks.groups * format.bytesPerBlock * count, packed)
          // An infinity or a NaN times 0 is not 0.
          var sum: Float = 0
          for index in 0..<groups {
            let scales = (packed + index * blocks.groupBytes + quantBytes)
              .assumingMemoryBound(to: Float.self)
            for part in stride(from: 0, to: (blocks.groupBytes - quantBytes) / 4, by: panel) {
              for column in 0..<count { sum += scales[part + column] * 0 }
            }
          }
          if sum != 0 { return false }
        }
      }
      return true
    }
  }
}
