import CKernels

// Weights that are blocks of small integers. Goals, in this order: an output's bits follow from its row
// and its weights alone, on every CPU; that what is multiplied is what the file says; speed.
//
// A row of inputs is rounded to int8 by groups of 32, and a panel of 32 rows of weights is packed to
// int8 with their scales. Products within a group (or half of one, where that has its own scale) are
// summed in integers, exactly. So all that is rounded is one chain of float32 operations an output, in
// ascending order of the groups, and that is the same in every kernel: of one row or of many, of every
// instruction set. See CKernels/vector/int8.h.

extension Arithmetic {
  /// A panel of up to 32 rows of weights as int8.
  func packAsInt8(
    _ weights: WeightMatrix, outputs: Range<Int>, into panel: UnsafeMutableRawPointer
  ) {
    let blocks = weights.format.blocks!
    blocks.pack(table)(
      weights.row(outputs.lowerBound), weights.rowBytes, outputs.count,
      weights.inputs / (32 * blocks.groups), weights.row(outputs.upperBound), panel)
  }

  func multiplyInt8(_ tile: LinearTile) {
    let blocks = tile.format.blocks!
    let groups = tile.inputColumns / 32
    var product = rf_int8_product(
      inputs: tile.inputs, rows: tile.tokens, rowBytes: tile.inputRowBytes, groups: groups,
      panel: tile.weights)
    product.outputs = tile.destination
    product.output_stride = tile.destinationStride
    product.columns = tile.outputs
    product.bias = tile.bias
    product.accumulate = tile.accumulate
    blocks.matrix(table)(&product)
  }

  /// A panel of weights in the input type, unpacked by way of int8.
  ///
  /// - Parameters:
  ///   - inputs: whole blocks of them; all if nil.
  ///   - panel: takes `[inputs][32]` matrix input.
  ///   - packed: room for `unpackingScratchBytes`.
  func unpack(
    _ blocks: WeightBlocks, of weights: WeightMatrix, outputs: Range<Int>,
    inputs: Range<Int>? = nil,
    into panel: UnsafeMutableRawPointer, packed: UnsafeMutableRawPointer
  ) {
    let pack = blocks.pack(table)
    let atOnce = WeightBlocks.groupsAtOnce
    let inputs = inputs ?? 0..<weights.inputs
    for first in stride(from: inputs.lowerBound / 32, to: inputs.upperBound / 32, by: atOnce) {
      let groups = min(atOnce, inputs.upperBound / 32 - first)
      pack(
        weights.row(outputs.lowerBound) + first / blocks.groups * weights.format.bytesPerBlock,
        weights.rowBytes, outputs.count, groups / blocks.groups,
        weights.row(outputs.upperBound) + first / blocks.groups * weights.format.bytesPerBlock
          * outputs.count, packed)
      inputKernels.unpack(
        packed, groups, blocks.parts, blocks.hasMinimums,
        panel + (32 * first - inputs.lowerBound) * Int(RF_PANEL_COLUMNS) * inputType.bytes)
    }
  }

  /// Rows of the arithmetic's input type, rounded to int8.
  ///
  /// - Parameters:
  ///   - rows: `[count]`
  ///   - rowBytes: from one to the next; `inputRowBytes(columns:)` if nil.
  ///   - output: takes as many rows of int8.
  public func quantize(
    _ rows: UnsafeRawPointer, count: Int, columns: Int, rowBytes: Int? = nil,
    into output: UnsafeMutableRawPointer
  ) {
    let stride = rowBytes ?? inputRowBytes(columns: columns)
    let int8Stride = InputType.int8.rowBytes(columns: columns)
    reserveScratch(bytes: columns * 4)
    let perItem = 16
    team.forEach((count + perItem - 1) / perItem) { item, thread in
      for row in item * perItem..<min(count, (item + 1) * perItem) {
        let input = rows + row * stride
        var floats = input.assumingMemoryBound(to: Float.self)
        if inputType == .bf16 {
          let widened = scratch(of: thread).assumingMemoryBound(to: Float.self)
          table.widen(input.assumingMemoryBound(to: UInt16.self), columns, widened)
          floats = UnsafePointer(widened)
        }
        table.quantize(floats, columns, output + row * int8Stride)
      }
    }
  }
}

extension rf_int8_product {
  /// Of whole rows of int8, as they lie with their groups behind them, with a panel.
  init(
    inputs: UnsafeRawPointer, rows: Int, rowBytes: Int, groups: Int, panel: UnsafeRawPointer
  ) {
    self.init()
    self.rows = rows
    group_count = groups
    self.inputs = inputs.assumingMemoryBound(to: Int8.self)
    self.groups = (inputs + 32 * groups).assumingMemoryBound(to: rf_int8_group.self)
    stride = rowBytes
    self.panel = panel
  }
}
