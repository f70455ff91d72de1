import Kernels

/// From a type in which a file stores elements to one that matrices are read in.
enum ElementConversion: Sendable {
  /// Rounded to nearest, ties to even.
  case float32ToBFloat16
  /// The same, by way of the float32 that is the same number.
  case halfToBFloat16
  /// Exact.
  case halfToFloat32

  /// The format that comes out.
  var result: WeightFormat { self == .halfToFloat32 ? .float32 : .bfloat16 }

  /// Converts elements one by one.
  ///
  /// - Parameters:
  ///   - source: the whole tensor, aligned to its elements.
  ///   - range: the elements to convert.
  ///   - destination: room for them, `range.count` elements of the type `result`.
  func convert(
    _ source: UnsafeRawBufferPointer, _ range: Range<Int>,
    into destination: UnsafeMutableRawPointer
  ) {
    switch self {
    case .float32ToBFloat16:
      convert(source, range, into: destination) { (value: Float) in BFloat16(value) }
    case .halfToBFloat16:
      convert(source, range, into: destination) { (value: Half) in BFloat16(value.float) }
    case .halfToFloat32:
      convert(source, range, into: destination) { (value: Half) in value.float }
    }
  }

  @inline(__always)
  private func convert<From, To>(
    _ source: UnsafeRawBufferPointer, _ range: Range<Int>,
    into destination: UnsafeMutableRawPointer, _ body: (From) -> To
  ) {
    let from = source.baseAddress!.assumingMemoryBound(to: From.self) + range.lowerBound
    let to = destination.bindMemory(to: To.self, capacity: range.count)
    for index in 0..<range.count { to[index] = body(from[index]) }
  }
}
