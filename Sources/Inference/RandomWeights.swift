// Weights for runs whose shape matters and whose answer does not: benchmarks, rehearsals, tests.
//
// Goals, in their order: an element follows from its tensor's name, its index and the tensor's
// shape alone, so that any number of ranks and threads makes the same model; activations neither
// vanish nor explode, in any number of layers; a thousand million elements take a second or two.
//
// The second: a matrix that is read as dot products of rows of n elements has elements of variance
// 1/n, so normed inputs (of variance 1) give outputs of variance 1, hence also scores q · k / √d.
// Every layer adds outputs of about that size to the residual stream, which grows with the square
// root of the number of layers, as it does in trained models. For n = 2048 the standard deviation
// is 0.022; trained models begin with 0.02.
//
// The third: one output of SplitMix64, whose state is a counter here, gives four elements, uniform
// between ±√3 standard deviations, in 2^16 steps.

import Kernels
import Transformer

/// One tensor's random elements, bfloat16.
public struct RandomWeights: Sendable {
  /// Another one makes other weights.
  public static let version = 1

  /// Whether all elements are 1: of a norm, and of what scales a layer's output.
  private let isOnes: Bool
  private let seed: UInt64
  /// From one step of a 16-bit number to the next.
  private let step: Float

  public init(_ request: TensorRequest) {
    isOnes =
      request.isVector
      && (request.name.hasSuffix("norm.weight") || request.name.hasSuffix("layer_scalar"))
    // FNV-1a, 64 bits.
    seed = request.name.utf8.reduce(0xcbf2_9ce4_8422_2325) {
      ($0 ^ UInt64($1)) &* 0x100_0000_01b3
    }
    let deviation = request.isVector ? 0.02 : (1 / Float(request.shape.last ?? 1)).squareRoot()
    step = deviation * 1.732_050_8 / 32_768
  }

  /// Chunks that begin at multiples of this are made without a draw in vain.
  static let elementsPerDraw = 4

  /// Writes the elements numbered `range`, row-major: 1 for a norm or a scale, else random.
  public func write(_ range: Range<Int>, to destination: UnsafeMutablePointer<BFloat16>) {
    if isOnes {
      destination.update(repeating: BFloat16(1), count: range.count)
      return
    }
    let missing = (Self.elementsPerDraw - range.lowerBound % Self.elementsPerDraw) % 4
    if missing > 0 {
      let first = elements(ofDraw: range.lowerBound / Self.elementsPerDraw)
      for index in 0..<min(missing, range.count) {
        destination[index] = BFloat16(
          bitPattern: UInt16(truncatingIfNeeded: first >> (16 * UInt64(4 - missing + index))))
      }
      guard range.count > missing else { return }
      return write(range.lowerBound + missing..<range.upperBound, to: destination + missing)
    }
    let whole = range.count / 4
    let firstDraw = range.lowerBound / 4
    let raw = UnsafeMutableRawPointer(destination)
    for draw in 0..<whole {
      raw.storeBytes(
        of: elements(ofDraw: firstDraw + draw), toByteOffset: 8 * draw, as: UInt64.self)
    }
    let rest = elements(ofDraw: firstDraw + whole)
    for index in 4 * whole..<range.count {
      destination[index] = BFloat16(
        bitPattern: UInt16(truncatingIfNeeded: rest >> (16 * UInt64(index % 4))))
    }
  }

  /// Four elements, the first in the lowest bits.
  @inline(__always)
  private func elements(ofDraw draw: Int) -> UInt64 {
    var generator = SplitMix64(seed: seed &+ UInt64(draw) &* 0x9e37_79b9_7f4a_7c15)
    let bits = generator.next()
    let lanes = SIMD4<Int32>(
      truncatingIfNeeded: SIMD4<UInt64>(bits, bits >> 16, bits >> 32, bits >> 48) & 0xffff)
    // An odd number of half steps: none is zero, and their mean is.
    let values = SIMD4<Float>(lanes &* 2 &- 65_535) * (step / 2)
    let singles = unsafeBitCast(values, to: SIMD4<UInt32>.self)
    let rounded = (singles &+ 0x7fff &+ ((singles &>> 16) & 1)) &>> 16
    let halves = SIMD4<UInt16>(truncatingIfNeeded: rounded)
    return unsafeBitCast(halves, to: UInt64.self)
  }
}
