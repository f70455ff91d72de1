import Files

/// What a GGUF file's table says of one tensor.
struct GGUFEntry: Sendable {
  /// As ggml has at most.
  private static let mostDimensions: UInt32 = 4

  let name: String
  let elementType: TensorElementType
  /// Outermost dimension first, the reverse of the file's order.
  let shape: [Int]
  /// From the start of the data.
  let offset: Int
  let byteCount: Int

  /// Reads the entry. Throws `FileError`: `malformed` where it contradicts itself, `unsupported` for an
  /// element type that is not read.
  init(_ cursor: inout GGUFCursor, index: Int, alignment: Int) throws {
    name = try cursor.text("the name of tensor \(index)")
    guard !name.isEmpty else { throw cursor.malformed("tensor \(index) has no name") }
    let title = "the tensor \(name.debugDescription)"
    func malformed(_ problem: String) -> FileError { cursor.malformed("\(title) \(problem)") }

    let dimensions = try cursor.integer(UInt32.self, title)
    guard dimensions <= Self.mostDimensions else {
      throw malformed("has \(dimensions) dimensions, more than the \(Self.mostDimensions) of ggml")
    }
    var shape: [Int] = []
    for _ in 0..<dimensions {
      let dimension = try cursor.integer(UInt64.self, title)
      guard let count = Int(exactly: dimension) else {
        throw malformed("has a dimension of \(dimension)")
      }
      shape.insert(count, at: 0)
    }
    let number = try cursor.integer(UInt32.self, title)
    let offset = try cursor.integer(UInt64.self, title)
    guard let elementType = GGMLType.elementType(number) else {
      throw FileError(
        .unsupported,
        "\(cursor.path): \(title) is of \(GGMLType.name(number)), which is not supported; make the "
          + "file anew with llama-quantize in one of \(GGMLType.supportedNames)")
    }
    let row = shape.last ?? 1
    guard row % elementType.elementsPerBlock == 0 else {
      throw malformed(
        "has rows of \(row) elements, but \(elementType.rawValue) stores "
          + "\(elementType.elementsPerBlock) together")
    }
    guard let byteCount = elementType.byteCount(shape: shape) else {
      throw malformed("has a shape \(shape) whose size overflows")
    }
    guard let start = Int(exactly: offset), start % alignment == 0 else {
      throw malformed("begins at \(offset), which is no multiple of the alignment, \(alignment)")
    }
    self.elementType = elementType
    self.shape = shape
    self.offset = start
    self.byteCount = byteCount
  }
}
