import Kernels

/// Token ids that are the same everywhere.
package func sampleTokens(_ count: Int, vocabulary: Int, seed: UInt64 = 1) -> [Int32] {
  var generator = SplitMix64(seed: seed)
  return (0..<count).map { _ in Int32(generator.next() % UInt64(vocabulary)) }
}

/// Bytes that differ between seeds and between places.
package func sampleBytes(_ count: Int, seed: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ ($0 >> 8) &+ seed &* 7 &+ 1) }
}

extension [Float] {
  /// The bits of every element, so that a comparison tells −0 from 0 and a NaN equals itself.
  package var bits: [UInt32] { map(\.bitPattern) }
}
