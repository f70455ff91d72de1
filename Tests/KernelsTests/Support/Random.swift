import Foundation
import Kernels

/// Normally distributed numbers (Box and Muller 1958).
func normalNumbers(_ count: Int, scale: Float = 1, seed: UInt64) -> [Float] {
  var random = SplitMix64(seed: seed)
  return (0..<count).map { _ in
    let radius = (-2 * log(1 - random.nextUniform())).squareRoot()
    return scale * Float(radius * cos(2 * .pi * random.nextUniform()))
  }
}
