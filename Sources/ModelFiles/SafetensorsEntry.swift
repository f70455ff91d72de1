import Files
import JSON

/// What a safetensors header says of one tensor.
struct SafetensorsEntry: Sendable {
  let name: String
  let elementType: TensorElementType
  let shape: [Int]
  /// Byte offsets from the start of the data; as many bytes as the shape and the type ask for.
  let range: Range<Int>

  /// Reads the entry's object. Throws `JSONError`, and `FileError`: `malformed` where it contradicts itself, `unsupported` for an element type that is not known.
  init(name: String, header: JSONDocument) throws {
    func malformed(_ problem: String) -> FileError {
      FileError(
        .malformed,
        "\(header.path): the tensor \"\(name)\" \(problem); fetch or write the file again")
    }

    let typeName = try header.string("dtype")
    guard let elementType = TensorElementType(rawValue: typeName), !elementType.isQuantized else {
      throw FileError(
        .unsupported,
        "\(header.path): the tensor \"\(name)\" has elements of type \"\(typeName)\", which "
          + "ringflash does not read; convert the model to BF16 or F32")
    }
    let shape = try header.integers("shape")
    guard shape.allSatisfy({ $0 >= 0 }) else {
      throw malformed("has a negative dimension in its shape \(shape)")
    }
    guard let byteCount = elementType.byteCount(shape: shape) else {
      throw malformed("has a shape \(shape) whose size overflows")
    }
    let offsets = try header.integers("data_offsets")
    guard offsets.count == 2, 0 <= offsets[0], offsets[0] <= offsets[1] else {
      throw malformed("has data_offsets \(offsets), which are no range of bytes")
    }
    guard offsets[1] - offsets[0] == byteCount else {
      throw malformed(
        "has \(offsets[1] - offsets[0]) bytes of data, but the shape \(shape) of \(typeName) needs "
          + "\(byteCount)")
    }
    self.name = name
    self.elementType = elementType
    self.shape = shape
    range = offsets[0]..<offsets[1]
  }
}
