import Files

/// Writes whole safetensors files.
public enum SafetensorsWriter {
  /// Writes `tensors`, whose names differ, as a safetensors file at `path`, replacing the file
  /// there at the end.
  ///
  /// The widest elements come first, so that all are aligned; otherwise the order is kept. Throws
  /// `FileError.writeFailed`; then nothing is left of the new file.
  public static func write(
    _ tensors: [Tensor], metadata: [String: String] = [:], to path: String
  ) throws {
    precondition(
      !tensors.contains { $0.elementType.isQuantized }, "safetensors have no quantized types")
    let ordered = [8, 4, 2, 1].flatMap { width in
      tensors.filter { $0.elementType.bytesPerBlock == width }
    }
    let header = SafetensorsHeader.bytes(
      tensors: ordered.map { ($0.name, $0.elementType, $0.shape, $0.bytes.count) },
      metadata: metadata)
    let file = try ReplacementFile(path: path)
    try file.append(header)
    for tensor in ordered {
      try file.append(tensor.bytes)
    }
    try file.commit()
  }
}
