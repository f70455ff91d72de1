import Foundation

/// The writing side of a safetensors header.
enum SafetensorsHeader {
  /// The first bytes of a safetensors file whose data is `tensors` one after the other: the length
  /// and the JSON text, padded with spaces so that the data starts at a multiple of 8, and to
  /// `count` bytes where that is given.
  static func bytes(
    tensors: [(name: String, elementType: TensorElementType, shape: [Int], byteCount: Int)],
    metadata: [String: String], paddedTo count: Int? = nil
  ) -> [UInt8] {
    var object: [String: Any] = [:]
    if !metadata.isEmpty { object["__metadata__"] = metadata }
    var begin = 0
    for tensor in tensors {
      precondition(
        tensor.name != "__metadata__" && object[tensor.name] == nil,
        "a safetensors file cannot hold two tensors named \(tensor.name)")
      object[tensor.name] =
        [
          "dtype": tensor.elementType.rawValue, "shape": tensor.shape,
          "data_offsets": [begin, begin + tensor.byteCount],
        ] as [String: Any]
      begin += tensor.byteCount
    }
    // Strings, integers, and arrays and dictionaries of them are always valid JSON.
    let json = try! JSONSerialization.data(
      withJSONObject: object, options: [.sortedKeys, .withoutEscapingSlashes])
    let paddedCount = count ?? (8 + json.count + 7) / 8 * 8
    precondition(8 + json.count <= paddedCount, "the header outgrew the space kept for it")
    var bytes = withUnsafeBytes(of: UInt64(paddedCount - 8).littleEndian) { Array($0) }
    bytes += json
    bytes += [UInt8](repeating: 0x20, count: paddedCount - bytes.count)
    return bytes
  }
}
