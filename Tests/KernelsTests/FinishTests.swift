import Kernels
import Testing

/// o / l in Float64, rounded once to the matrix input type.
struct FinishTests {
  private func finish(_ o: [Double], sum: Double, _ arithmetic: Arithmetic) -> [Float] {
    let layout = arithmetic.stateLayout(headDimension: o.count)
    var row = [Double](repeating: 0, count: layout.rowElements)
    layout.clear(&row, count: 1)
    row[0] = 3
    row[1] = sum
    for (index, value) in o.enumerated() { row[8 + index] = value }
    let output = MatrixInput(arithmetic, rows: 1, columns: o.count, stride: o.count + 8, filling: 3)
    arithmetic.finish(row, headDimension: o.count, into: output.pointer)
    #expect(output.padding.allSatisfy { $0 == 3 })
    return output.values
  }

  /// The nearest number of 8 significant bits, ties to even, by comparing distances, which are
  /// exact.
  private func nearestBF16(_ value: Double) -> Float {
    guard value != 0, value.isFinite else { return Float(value) }
    let unit = Double(sign: .plus, exponent: value.exponent - 7, significand: 1)
    let quotient = value.magnitude / unit
    var steps = quotient.rounded(.down)
    let rest = quotient - steps
    if rest > 0.5 || (rest == 0.5 && steps.truncatingRemainder(dividingBy: 2) == 1) { steps += 1 }
    return Float(value < 0 ? -steps * unit : steps * unit)
  }

  private func expected(_ value: Double, _ configuration: Configuration) -> Float {
    configuration.precision == .bf16 ? nearestBF16(value) : Float(value)
  }

  /// Beside ties of bf16, by less than float32 can tell: rounding to float32 first would make ties
  /// of them.
  @Test(arguments: Configuration.all)
  func roundsOnce(_ configuration: Configuration) {
    let arithmetic = configuration.arithmetic()
    var values: [Double] = []
    for exponent in [-100, -30, -1, 0, 1, 40, 120] {
      for significand in 128..<256 {
        for offset in [0, 0x1p-40, -0x1p-40, 0x1p-25, -0x1p-25, 0x1p-44, -0x1p-44] {
          let value = Double(significand) + 0.5 + offset
          values.append(value * Double(sign: .plus, exponent: exponent - 7, significand: 1))
        }
      }
    }
    let twice = values.filter { configuration.rounded(Float($0)) != nearestBF16($0) }
    if configuration.precision == .bf16 {
      #expect(twice.count > values.count / 4, "the values do not tell one rounding from two")
    }
    for sign in [1.0, -1] {
      for sum in [1, 0.5, 64.0] {
        let o = values.map { sign * $0 * sum }
        for first in stride(from: 0, to: o.count, by: 256) {
          let part = Array(o[first..<min(o.count, first + 256)])
          #expect(
            bits(finish(part, sum: sum, arithmetic))
              == bits(part.map { expected($0 / sum, configuration) }), "sum \(sum), from \(first)")
        }
      }
    }
  }

  @Test(arguments: Configuration.all)
  func dividesInFloat64(_ configuration: Configuration) {
    let arithmetic = configuration.arithmetic()
    var random = SplitMix64(seed: 31)
    for dimension in [16, 80, 256] {
      for _ in 0..<50 {
        let sum = 0.5 + 1000 * random.nextUniform()
        let o = (0..<dimension).map { _ in 2000 * (random.nextUniform() - 0.5) }
        #expect(
          bits(finish(o, sum: sum, arithmetic)) == bits(o.map { expected($0 / sum, configuration) })
        )
      }
    }
  }

  @Test(arguments: Configuration.all)
  func extremes(_ configuration: Configuration) {
    let arithmetic = configuration.arithmetic()
    let largest = Double(configuration.rounded(3.38e38))
    var o = [Double](repeating: 1, count: 16)
    o[0] = 0
    o[1] = -0.0
    o[2] = largest
    o[3] = 3.4028235677973366e38  // half a unit above the largest float32
    o[4] = .nan
    o[5] = .infinity
    o[6] = -.infinity
    o[7] = 1e300
    let output = finish(o, sum: 1, arithmetic)
    // In fp32 the rest of the sum, +0, is added, and -0 + 0 is +0.
    let negativeZero: Float = configuration.precision == .fp32 ? 0 : -0.0
    #expect(bits(Array(output[..<4])) == bits([0, negativeZero, Float(largest), .infinity]))
    #expect(output[4].isNaN)
    #expect(output[5] == .infinity && output[6] == -.infinity && output[7] == .infinity)
    #expect(output[8...].allSatisfy { $0 == 1 })
  }
}
