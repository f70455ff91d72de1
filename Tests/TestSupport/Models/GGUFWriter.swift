import Kernels
import ModelFiles

/// Makes the bytes of GGUF files, right ones and wrong ones.
package struct GGUFWriter {
  package enum Value {
    case uint32(UInt32)
    case int32(Int32)
    case uint64(UInt64)
    case float32(Float)
    case float64(Double)
    case boolean(Bool)
    case string([UInt8])
    case text(String)
    case texts([String])
    case int32s([Int32])
    case float32s([Float])
    case booleans([Bool])
    /// Of any type, with any bytes.
    case raw(type: UInt32, [UInt8])
  }

  package struct Item {
    package var name: String
    /// ggml's number of the type.
    package var type: UInt32
    /// As the file has them, innermost first.
    package var dimensions: [UInt64]
    package var bytes: [UInt8]
    /// In place of where the data comes to lie.
    package var offset: UInt64?

    package init(
      _ name: String, type: UInt32 = 0, _ dimensions: [UInt64], _ bytes: [UInt8],
      offset: UInt64? = nil
    ) {
      self.name = name
      self.type = type
      self.dimensions = dimensions
      self.bytes = bytes
      self.offset = offset
    }

    /// A tensor of one of the types F32, F16 and BF16.
    ///
    /// - Parameter isVector: whether a matrix of one row is written as that row.
    package init(_ tensor: Tensor, name: String, isVector: Bool = false) {
      let types: [TensorElementType: UInt32] = [.float32: 0, .float16: 1, .bfloat16: 30]
      let shape = isVector ? tensor.shape.suffix(1) : tensor.shape[...]
      self.init(
        name, type: types[tensor.elementType]!, shape.reversed().map(UInt64.init),
        Array(tensor.bytes))
    }

    package static func floats(_ name: String, _ elements: [Float]) -> Item {
      Item(name, [UInt64(elements.count)], elements.flatMap { littleEndian($0.bitPattern) })
    }
  }

  /// ggml's numbers of the formats of blocks of small integers.
  package static let types: [WeightFormat: UInt32] = [
    .q4_0: 2, .q4_1: 3, .q5_0: 6, .q5_1: 7, .q8_0: 8, .q2_K: 10, .q3_K: 11, .q4_K: 12, .q5_K: 13,
    .q6_K: 14, .iq4_NL: 20, .iq4_XS: 23, .mxfp4: 39,
  ]

  package var magic = Array("GGUF".utf8)
  package var version: UInt32 = 3
  package var alignment = 32
  package var metadata: [(key: String, value: Value)] = []
  package var items: [Item] = []
  /// In place of the true ones.
  package var tensorCount: UInt64?
  package var metadataCount: UInt64?

  package init(metadata: [(key: String, value: Value)] = [], items: [Item] = []) {
    self.metadata = metadata
    self.items = items
  }

  package var bytes: [UInt8] {
    var bytes = magic + littleEndian(version)
    bytes += littleEndian(tensorCount ?? UInt64(items.count))
    bytes += littleEndian(metadataCount ?? UInt64(metadata.count))
    for (key, value) in metadata { bytes += string(Array(key.utf8)) + Self.bytes(of: value) }
    var data: [UInt8] = []
    for item in items {
      data += [UInt8](repeating: 0, count: (alignment - data.count % alignment) % alignment)
      bytes += string(Array(item.name.utf8)) + littleEndian(UInt32(item.dimensions.count))
      bytes += item.dimensions.flatMap(littleEndian)
      bytes += littleEndian(item.type) + littleEndian(item.offset ?? UInt64(data.count))
      data += item.bytes
    }
    bytes += [UInt8](repeating: 0, count: (alignment - bytes.count % alignment) % alignment)
    return bytes + data
  }

  private static func bytes(of value: Value) -> [UInt8] {
    switch value {
    case .uint32(let value): littleEndian(UInt32(4)) + littleEndian(value)
    case .int32(let value): littleEndian(UInt32(5)) + littleEndian(value)
    case .uint64(let value): littleEndian(UInt32(10)) + littleEndian(value)
    case .float32(let value): littleEndian(UInt32(6)) + littleEndian(value.bitPattern)
    case .float64(let value): littleEndian(UInt32(12)) + littleEndian(value.bitPattern)
    case .boolean(let value): littleEndian(UInt32(7)) + [value ? 1 : 0]
    case .string(let value): littleEndian(UInt32(8)) + string(value)
    case .text(let value): littleEndian(UInt32(8)) + string(Array(value.utf8))
    case .texts(let values):
      array(8, values.count, values.flatMap { string(Array($0.utf8)) })
    case .int32s(let values): array(5, values.count, values.flatMap(littleEndian))
    case .float32s(let values):
      array(6, values.count, values.flatMap { littleEndian($0.bitPattern) })
    case .booleans(let values): array(7, values.count, values.map { $0 ? 1 : 0 })
    case .raw(let type, let bytes): littleEndian(type) + bytes
    }
  }

  private static func array(_ type: UInt32, _ count: Int, _ elements: [UInt8]) -> [UInt8] {
    littleEndian(UInt32(9)) + littleEndian(type) + littleEndian(UInt64(count)) + elements
  }
}

private func littleEndian<Integer: FixedWidthInteger>(_ value: Integer) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

private func string(_ bytes: [UInt8]) -> [UInt8] { littleEndian(UInt64(bytes.count)) + bytes }
