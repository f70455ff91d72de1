import CKernels

// Keys and values in int8. A key is rounded by groups of 32 elements, and so is a query; a score is
// exact within each group, as a product of int8 weights is. A value is rounded the same way, and widened
// to the type that the numerators multiply.

extension Arithmetic {
  /// Rounds one token's keys and values of all heads into their places in a block; see `store`.
  func storeQuantized(
    keys: UnsafePointer<Float>, values: UnsafePointer<Float>, token: Int,
    into block: UnsafeMutableRawPointer, layout: KeyValueLayout
  ) {
    let d = layout.shape.headDimension
    let groups = layout.groups
    withUnsafeTemporaryAllocation(byteCount: groups * 64, alignment: 64) { row in
      let row = row.baseAddress!
      for head in 0..<layout.shape.keyValueHeads {
        let place = block + head * layout.headBytes
        table.quantize(keys + head * d, d, row)
        layout.place(key: row, token, in: place)
        table.quantize(values + head * d, d, row)
        layout.place(value: row, token, in: place + layout.keyBytes)
      }
    }
  }

  func clearQuantized(from token: Int, in block: UnsafeMutableRawPointer, layout: KeyValueLayout) {
    // Scales of 0, which no stored row has, and what each kind of elements makes a byte of zero of.
    let scales = [UInt8](repeating: 0, count: layout.groups * 32)
    let key = [UInt8](repeating: 0x80, count: layout.groups * 32) + scales
    let value = scales + scales
    for head in 0..<layout.shape.keyValueHeads {
      let place = block + head * layout.headBytes
      for token in token..<tokensPerBlock {
        layout.place(key: key, token, in: place)
        layout.place(value: value, token, in: place + layout.keyBytes)
      }
    }
  }

  /// The scores of some rows with one panel of 32 keys.
  ///
  /// - Parameters:
  ///   - rows: `[count]` queries of int8, `rowBytes` apart.
  ///   - ahead: as many bytes as a panel has that are prefetched meanwhile, for a few rows that wait for
  ///     memory.
  ///   - scores: `[count][256]`, of which 32 columns are written.
  func multiplyQuantizedKeys(
    _ rows: UnsafeRawPointer, count: Int, rowBytes: Int, panel: UnsafeRawPointer, groups: Int,
    ahead: UnsafeRawPointer?, into scores: UnsafeMutablePointer<Float>
  ) {
    var product = rf_int8_product(
      inputs: rows, rows: count, rowBytes: rowBytes, groups: groups, panel: panel)
    product.outputs = scores
    product.output_stride = tokensPerBlock
    product.columns = Int(RF_PANEL_COLUMNS)
    product.ahead = ahead
    table.matrix_s8g32(&product)
  }

  /// A head's keys and values as rows of float32: `[256][paddedHeadDimension]` each.
  func unpackRows(
    _ head: UnsafeRawPointer, layout: KeyValueLayout, into output: UnsafeMutablePointer<Float>
  ) {
    let dimension = layout.shape.paddedHeadDimension
    let panel = Int(RF_PANEL_COLUMNS)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: tokensPerBlock * panel) { memory in
      let part = memory.baseAddress!
      for first in stride(from: 0, to: tokensPerBlock, by: panel) {
        for group in 0..<layout.groups {
          inputKernels.unpack(
            head + (first / panel * layout.groups + group) * layout.keyGroupBytes, 1, 1, false, part
          )
          for element in 0..<min(panel, dimension - 32 * group) {
            for key in 0..<panel {
              output[(first + key) * dimension + 32 * group + element] =
                part[element * panel + key]
            }
          }
        }
      }
      let values = output + tokensPerBlock * dimension
      for group in 0..<layout.groups {
        inputKernels.widen_values(
          head + layout.keyBytes + group * KeyValueLayout.quantizedPanelBytes, panel, part)
        for key in 0..<tokensPerBlock {
          for column in 0..<min(panel, dimension - 32 * group) {
            values[key * dimension + 32 * group + column] = part[key * panel + column]
          }
        }
      }
    }
  }
}

extension KeyValueLayout {
  /// Of q8: bytes of 32 keys for 32 elements.
  var keyGroupBytes: Int {
    KeyValueLayout.quantizedPanelBytes / (tokensPerBlock / Int(RF_PANEL_COLUMNS))
  }

  /// - Parameter row: int8, with its groups behind it.
  fileprivate func place(
    key row: UnsafeRawPointer, _ token: Int, in keys: UnsafeMutableRawPointer
  ) {
    let panel = Int(RF_PANEL_COLUMNS)
    let records = (row + 32 * groups).assumingMemoryBound(to: rf_int8_group.self)
    for group in 0..<groups {
      let place = keys + (token / panel * groups + group) * keyGroupBytes
      let column = place + token % panel * 4
      for word in 0..<8 {
        // A signed byte plus 128 is the byte with its first bit turned.
        let quants = row.load(fromByteOffset: 32 * group + 4 * word, as: UInt32.self) ^ 0x8080_8080
        column.storeBytes(of: quants, toByteOffset: 4 * panel * word, as: UInt32.self)
      }
      column.storeBytes(of: records[group].scale, toByteOffset: 32 * panel, as: Float.self)
    }
  }

  fileprivate func place(
    value row: UnsafeRawPointer, _ token: Int, in values: UnsafeMutableRawPointer
  ) {
    let panel = Int(RF_PANEL_COLUMNS)
    let records = (row + 32 * groups).assumingMemoryBound(to: rf_int8_group.self)
    let quants = row.assumingMemoryBound(to: Int8.self)
    for group in 0..<groups {
      let place = values + group * KeyValueLayout.quantizedPanelBytes
      let pair = place.assumingMemoryBound(to: Int8.self) + token / 2 * 2 * panel + token % 2
      for column in 0..<panel { pair[2 * column] = quants[32 * group + column] }
      place.storeBytes(
        of: records[group].scale, toByteOffset: tokensPerBlock * panel + 4 * token, as: Float.self)
    }
  }
}
