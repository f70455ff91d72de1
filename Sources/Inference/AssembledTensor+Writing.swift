import Kernels
import ModelFiles

extension AssembledTensor {
  /// As many as make runs of a few hundred bytes where columns are rows of a file.
  static let rowsAtOnce = 256

  /// Writes the elements numbered `range`, which are whole rows.
  func write(_ range: Range<Int>, _ use: WeightUse, to destination: UnsafeMutableRawPointer) {
    precondition(
      range.lowerBound % columns == 0 && range.upperBound % columns == 0, "rows are written whole")
    let rows = range.lowerBound / columns..<range.upperBound / columns
    switch parts {
    case .blocks(let blocks, let scales, let rowStep):
      for row in rows {
        MXFP4Blocks.join(
          blocks + row * rowStep * (columns / 2), scales: scales + row * rowStep * (columns / 32),
          count: columns / 32,
          to: destination + (row - rows.lowerBound) * (columns / 32 * MXFP4Blocks.bytes))
      }
    case .apart(let elements, let rowStep, let columnStep):
      let places = ElementPlaces(
        columns: columns, rowStep: rowStep, columnStep: columnStep)
      switch use {
      case .inPlace:
        places.gather(rows, elements, width: elementType.bytesPerBlock, to: destination)
      case .converted(let conversion):
        withUnsafeTemporaryAllocation(
          byteCount: range.count * elementType.bytesPerBlock, alignment: 64
        ) {
          places.gather(
            rows, elements, width: elementType.bytesPerBlock, to: $0.baseAddress!)
          conversion.convert(UnsafeRawBufferPointer($0), 0..<range.count, into: destination)
        }
      }
    }
  }
}

/// Where the elements of a matrix are that lie apart.
private struct ElementPlaces {
  let columns: Int
  /// Elements from one row to the next, and from one column.
  let rowStep: Int
  let columnStep: Int

  /// Rows and columns of a tile whose lines, read and written, all stay in the first cache.
  private static let tile = 32

  /// Copies rows, one after the other without gaps.
  ///
  /// - Parameter width: the bytes of an element, 2 or 4.
  func gather(
    _ rows: Range<Int>, _ elements: UnsafeRawPointer, width: Int,
    to destination: UnsafeMutableRawPointer
  ) {
    switch width {
    case 2: gather(rows, elements, as: UInt16.self, to: destination)
    case 4: gather(rows, elements, as: UInt32.self, to: destination)
    default: preconditionFailure("elements of \(width) bytes are no weights")
    }
  }

  @inline(__always)
  private func gather<Element: BitwiseCopyable>(
    _ rows: Range<Int>, _ elements: UnsafeRawPointer, as type: Element.Type,
    to destination: UnsafeMutableRawPointer
  ) {
    let from = elements.assumingMemoryBound(to: Element.self)
    let to = destination.bindMemory(to: Element.self, capacity: rows.count * columns)
    for firstColumn in stride(from: 0, to: columns, by: Self.tile) {
      let columnEnd = min(columns, firstColumn + Self.tile)
      for firstRow in stride(from: rows.lowerBound, to: rows.upperBound, by: Self.tile) {
        for row in firstRow..<min(rows.upperBound, firstRow + Self.tile) {
          let (source, target) = (from + row * rowStep, to + (row - rows.lowerBound) * columns)
          var place = firstColumn * columnStep
          for column in firstColumn..<columnEnd {
            target[column] = source[place]
            place += columnStep
          }
        }
      }
    }
  }
}

/// MXFP4 as `WeightFormat.mxfp4` has it: blocks of 32 elements, each the scale's byte and then 16 bytes, in
/// byte j element j in the low four bits and j + 16 in the high ones.
enum MXFP4Blocks {
  static let bytes = 17

  /// Joins blocks with their scales.
  ///
  /// - Parameters:
  ///   - blocks: `[count][16]`, in byte j of each element 2j in the low four bits and 2j + 1 in the high
  ///     ones.
  ///   - scales: `[count]`.
  static func join(
    _ blocks: UnsafeRawPointer, scales: UnsafeRawPointer, count: Int,
    to destination: UnsafeMutableRawPointer
  ) {
    for block in 0..<count {
      let target = destination + block * bytes
      target.storeBytes(of: scales.load(fromByteOffset: block, as: UInt8.self), as: UInt8.self)
      // The first 16 elements, two a byte, and the last.
      let low = blocks.loadUnaligned(fromByteOffset: 16 * block, as: SIMD8<UInt8>.self)
      let high = blocks.loadUnaligned(fromByteOffset: 16 * block + 8, as: SIMD8<UInt8>.self)
      var result = SIMD16<UInt8>()
      result.evenHalf = low & 0x0f | high &<< 4
      result.oddHalf = low &>> 4 | high & 0xf0
      target.storeBytes(of: result, toByteOffset: 1, as: SIMD16<UInt8>.self)
    }
  }
}
