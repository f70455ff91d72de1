import Foundation
import Kernels
import Testing

/// RoPE and the norms of heads against plain loops, to the last bit.
struct HeadOperationTests {
  static let counts = [1, 3, 8]
  static let pairCounts = [1, 7, 8, 16, 20, 32, 48, 64, 128]

  /// The twin: one rounding for each product and each sum.
  private func rotateHalves(
    _ heads: inout [Float], headDimension: Int, cosines: [Float], sines: [Float], distance: Int
  ) {
    let pairs = cosines.count
    for row in stride(from: 0, to: heads.count, by: headDimension) {
      for pair in 0..<pairs {
        let (first, second) = (heads[row + pair], heads[row + distance + pair])
        let (ac, bs) = (first * cosines[pair], second * sines[pair])
        let (bc, as_) = (second * cosines[pair], first * sines[pair])
        heads[row + pair] = ac - bs
        heads[row + distance + pair] = bc + as_
      }
    }
  }

  @Test(arguments: InstructionSet.available)
  func rotation(_ set: InstructionSet) {
    let arithmetic = Configuration(instructionSet: set, precision: .bf16).arithmetic()
    for count in Self.counts {
      for pairs in Self.pairCounts {
        // A whole head, and heads of which a part stays as it is.
        for headDimension in [2 * pairs, 2 * pairs + 1, 3 * pairs + 16] {
          let angles = normalNumbers(pairs, scale: 3, seed: 31)
          let cosines = angles.map { Float(cos(Double($0))) }
          let sines = angles.map { Float(sin(Double($0))) }
          let heads = normalNumbers(count * headDimension, scale: 4, seed: 32)
          // The rotated part's own halves, and those of the whole head.
          for distance in [pairs, headDimension / 2] {
            var expected = heads
            rotateHalves(
              &expected, headDimension: headDimension, cosines: cosines, sines: sines,
              distance: distance)
            // What lies behind the heads stays too.
            var rotated = heads + [Float](repeating: 3, count: 16)
            arithmetic.rotate(
              &rotated, count: count, headDimension: headDimension,
              by: HeadRotation(
                cosines: cosines, sines: sines, pairs: pairs, distance: distance))
            #expect(
              bits(rotated) == bits(expected + [Float](repeating: 3, count: 16)),
              "\(count) heads of \(headDimension), \(pairs) pairs, distance \(distance)")
          }
        }
      }
    }
  }

  /// The same rotation of the same pairs, wherever their elements stand.
  @Test(arguments: InstructionSet.available)
  func adjacentPairsHaveTheBitsOfHalves(_ set: InstructionSet) {
    let arithmetic = Configuration(instructionSet: set, precision: .bf16).arithmetic()
    for count in Self.counts {
      for pairs in Self.pairCounts {
        for headDimension in [2 * pairs, 2 * pairs + 1, 3 * pairs + 16] {
          let cosines = normalNumbers(pairs, scale: 1, seed: 35)
          let sines = normalNumbers(pairs, scale: 1, seed: 36)
          var halves = normalNumbers(count * headDimension, scale: 4, seed: 37)
          // What stands at each place of an adjacent row stands there in the row of halves.
          let places = (0..<headDimension).map {
            $0 < 2 * pairs ? $0 / 2 + $0 % 2 * pairs : $0
          }
          func adjacent(_ rows: [Float]) -> [Float] {
            rows.indices.map {
              rows[$0 / headDimension * headDimension + places[$0 % headDimension]]
            }
          }
          var rotated = adjacent(halves) + [Float](repeating: 3, count: 16)
          func rotate(_ rows: inout [Float], _ layout: RotationLayout) {
            arithmetic.rotate(
              &rows, count: count, headDimension: headDimension,
              by: HeadRotation(cosines: cosines, sines: sines, pairs: pairs, layout: layout))
          }
          rotate(&rotated, .adjacent)
          rotate(&halves, .halves)
          #expect(
            bits(rotated) == bits(adjacent(halves) + [Float](repeating: 3, count: 16)),
            "\(count) heads of \(headDimension), \(pairs) pairs")
        }
      }
    }
  }

  /// Numbers whose products are not exact, and whose difference shows whether they were rounded.
  @Test(arguments: InstructionSet.available)
  func productsOfARotationAreRounded(_ set: InstructionSet) {
    let arithmetic = Configuration(instructionSet: set, precision: .bf16).arithmetic()
    for pairs in Self.pairCounts {
      let a: Float = 1 + 0x1p-23
      let alike = [Float](repeating: a, count: pairs)
      var heads = [Float](repeating: a, count: 2 * pairs)
      arithmetic.rotate(
        &heads, count: 1, headDimension: 2 * pairs,
        by: HeadRotation(cosines: alike, sines: alike, pairs: pairs))
      // Fused, the difference would be what the rounding of a² lost: 2^-46.
      #expect(heads[..<pairs].allSatisfy { $0 == 0 }, "\(pairs) pairs")
      #expect(heads[pairs...].allSatisfy { $0 == 2 * (a * a) }, "\(pairs) pairs")
    }
  }

  /// Heads that are normalized together have the bits of each by itself.
  @Test(arguments: InstructionSet.available)
  func norms(_ set: InstructionSet) {
    let arithmetic = Configuration(instructionSet: set, precision: .fp32).arithmetic()
    for count in Self.counts {
      for headDimension in Self.pairCounts + [80, 96, 256] {
        let heads = normalNumbers(count * headDimension, scale: 5, seed: 33)
        let weight = normalNumbers(headDimension, seed: 34)
        let expected = MatrixInput(arithmetic, rows: count, columns: headDimension)
        arithmetic.rmsNorm(
          heads, rows: count, columns: headDimension, weight: weight, epsilon: 1e-5,
          into: expected.pointer)
        var normalized = heads + [Float](repeating: 3, count: 16)
        arithmetic.normalizeHeads(
          &normalized, count: count, headDimension: headDimension, weight: weight, epsilon: 1e-5)
        #expect(
          bits(normalized) == bits(expected.values + [Float](repeating: 3, count: 16)),
          "\(count) heads of \(headDimension)")
      }
    }
  }
}
