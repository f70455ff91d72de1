import Files
import Kernels
import ModelFiles

/// The logits of every position of a context as another run has left them: one tensor
/// `[positions][vocabulary]` of a safetensors file, mapped.
public struct ReferenceLogits: Sendable {
  public let path: String
  public let positions: Int
  public let vocabulary: Int
  private let tensor: StoredTensor

  /// - Throws: `FileError`: as `SafetensorsFile` does, `malformed` where the file is not such a one.
  public init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    guard file.names.count == 1, let tensor = file.storedTensor(named: file.names[0]) else {
      throw FileError(
        .malformed,
        """
        \(path): has \(file.names.count) tensors, logits are one; give a file that \
        --logits-all has written
        """)
    }
    guard [.float32, .float16, .bfloat16].contains(tensor.elementType) else {
      throw FileError(
        .malformed,
        """
        \(path): the tensor "\(file.names[0])" has elements of type \(tensor.elementType.rawValue), \
        logits are F32, F16 or BF16; write it again
        """)
    }
    guard tensor.shape.count == 2, tensor.shape[0] > 0, tensor.shape[1] > 0 else {
      throw FileError(
        .malformed,
        """
        \(path): the tensor "\(file.names[0])" has the shape \(tensor.shape), logits have \
        [positions, vocabulary]; write it again
        """)
    }
    self.path = path
    self.tensor = tensor
    (positions, vocabulary) = (tensor.shape[0], tensor.shape[1])
  }

  /// Compares it with what it is to be a reference for.
  ///
  /// - Throws: `FileError.malformed` if it cannot be.
  public func check(
    contextTokens: Int, modelName: String, vocabulary: Int
  ) throws(FileError) {
    guard self.vocabulary == vocabulary else {
      let (larger, more) =
        self.vocabulary > vocabulary
        ? ("the file", self.vocabulary - vocabulary)
        : ("the model", vocabulary - self.vocabulary)
      throw FileError(
        .malformed,
        """
        \(path): has logits of \(self.vocabulary) tokens at each position, the model \
        '\(modelName)' has a vocabulary of \(vocabulary); \(larger) has \(more) more, and if these \
        are rows of padding, write the logits with as many as the model has
        """)
    }
    guard positions == contextTokens else {
      throw FileError(
        .malformed,
        """
        \(path): has logits of \(positions) positions, the text has \(contextTokens) tokens; write \
        them for the same text, with --logits FILE --logits-all --max-tokens 0
        """)
    }
  }

  /// The first of the positions whose logits are not all finite.
  ///
  /// - Parameters:
  ///   - ranges: ascending.
  ///   - tick: called several times a second.
  public func firstNonFinite(
    in ranges: [Range<Int>], team: ThreadTeam, tick: @escaping () -> Void
  ) -> Int? {
    for range in ranges {
      var isFinite = [Bool](repeating: true, count: range.count)
      isFinite.withUnsafeMutableBufferPointer { flags in
        nonisolated(unsafe) let flags = flags
        team.forEach(range.count, betweenItems: tick) { index, _ in
          flags[index] = isFiniteRow(range.lowerBound + index)
        }
      }
      if let index = isFinite.firstIndex(of: false) { return range.lowerBound + index }
    }
    return nil
  }

  private func isFiniteRow(_ position: Int) -> Bool {
    switch tensor.elementType {
    case .float16: isFiniteRow(position) { (bits: UInt16) in bits & 0x7c00 != 0x7c00 }
    case .bfloat16: isFiniteRow(position) { (bits: UInt16) in bits & 0x7f80 != 0x7f80 }
    default: isFiniteRow(position) { (bits: UInt32) in bits & 0x7f80_0000 != 0x7f80_0000 }
    }
  }

  @inline(__always)
  private func isFiniteRow<Bits: FixedWidthInteger & BitwiseCopyable>(
    _ position: Int, _ isFinite: (Bits) -> Bool
  ) -> Bool {
    var all = true
    for id in 0..<vocabulary { all = isFinite(element(position, id)) && all }
    return all
  }

  /// Writes the logits of a position, `[vocabulary]`.
  func read(position: Int, into row: UnsafeMutablePointer<Float>) {
    switch tensor.elementType {
    case .float16:
      for id in 0..<vocabulary { row[id] = Half(bitPattern: element(position, id)).float }
    case .bfloat16:
      for id in 0..<vocabulary { row[id] = BFloat16(bitPattern: element(position, id)).float }
    default:
      let bytes = vocabulary * MemoryLayout<Float>.stride
      UnsafeMutableRawPointer(row).copyMemory(
        from: tensor.bytes.baseAddress! + position * bytes, byteCount: bytes)
    }
  }

  /// One number as its bits, wherever it lies.
  @inline(__always)
  private func element<Bits: FixedWidthInteger & BitwiseCopyable>(
    _ position: Int, _ id: Int
  ) -> Bits {
    tensor.bytes.loadUnaligned(
      fromByteOffset: (position * vocabulary + id) * MemoryLayout<Bits>.stride, as: Bits.self)
  }
}
