import Foundation
import Kernels
import TestSupport
import Testing

/// Operations on single rows whose result is a matrix input: each value, and that nothing else is
/// written.
struct RowOperationTests {
  static let columnCounts = [1, 2, 15, 16, 17, 31, 32, 33, 64, 100, 1000]

  /// Every element within a relative `tolerance` of the exact one, and then rounded to the matrix
  /// input.
  private func check(
    _ output: MatrixInput, _ exact: [Double], _ configuration: Configuration, tolerance: Double,
    name: String
  ) {
    let relative = tolerance + (configuration.precision == .bf16 ? 0x1p-8 : 0)
    for (index, (value, exact)) in zip(output.values, exact).enumerated() {
      let bound = abs(exact) * relative + 1e-34
      if !(abs(Double(value) - exact) <= bound) {
        Issue.record("\(name), element \(index): \(value) instead of \(exact)")
        return
      }
      if configuration.rounded(value).bitPattern != value.bitPattern {
        Issue.record("\(name), element \(index): \(value) is not rounded")
        return
      }
    }
    #expect(output.padding.allSatisfy { $0 == 3 }, "\(name): written behind the columns")
  }

  @Test(arguments: Configuration.all)
  func rmsNorm(_ configuration: Configuration) {
    let arithmetic = configuration.arithmetic(threads: 2)
    for columns in Self.columnCounts {
      for rows in [1, 16, 17, 40] {
        for (scale, epsilon) in [(1, 1e-5), (1e-4, 1e-6), (1e4, 1e-5), (0, 1e-6)]
          as [(Float, Float)]
        {
          let x = normalNumbers(rows * columns, scale: scale, seed: 21)
          let weight = normalNumbers(columns, seed: 22)
          let output = MatrixInput(arithmetic, rows: rows, columns: columns, filling: 3)
          arithmetic.rmsNorm(
            x, rows: rows, columns: columns, weight: weight, epsilon: epsilon, into: output.pointer)
          var exact: [Double] = []
          for row in 0..<rows {
            let elements = x[row * columns..<(row + 1) * columns].map(Double.init)
            let mean = elements.reduce(0) { $0 + $1 * $1 } / Double(columns)
            let root = (mean + Double(epsilon)).squareRoot()
            exact += zip(elements, weight).map { $0 / root * Double($1) }
          }
          check(
            output, exact, configuration, tolerance: 1e-6,
            name: "\(columns) columns, \(rows) rows, scale \(scale)")
        }
      }
    }
  }

  private func silu(_ x: Double) -> Double { x / (1 + exp(-x)) }

  /// 1 + tanh(u) written as a quotient, which keeps its digits where tanh(u) is close to −1.
  private func gelu(_ x: Double) -> Double {
    let u = (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)
    return x / (1 + exp(-2 * u))
  }

  @Test(arguments: Configuration.all, [GatedActivation.swiGLU, .geGLU])
  func activate(_ configuration: Configuration, activation: GatedActivation) {
    let arithmetic = configuration.arithmetic(threads: 2)
    let exactly = activation == .swiGLU ? silu : gelu
    for columns in Self.columnCounts {
      for rows in [1, 17] {
        for scale in [0.01, 1, 3, 10, 100] as [Float] {
          let gate = normalNumbers(rows * columns, scale: scale, seed: 23)
          let up = normalNumbers(rows * columns, seed: 24)
          let output = MatrixInput(arithmetic, rows: rows, columns: columns, filling: 3)
          arithmetic.activate(
            activation,
            gateAndUp: (0..<rows).flatMap { row in
              let range = row * columns..<(row + 1) * columns
              return gate[range] + up[range]
            }, rows: rows, columns: columns, into: output.pointer)
          let exact = zip(gate, up).map { exactly(Double($0)) * Double($1) }
          // The exponent of e^-gate is rounded in proportion to the gate, and GELU's to its cube,
          // which counts while its result is above the smallest numbers, for gates above -10.
          let exponent = activation == .swiGLU ? scale : min(scale, 10) * 8
          check(
            output, exact, configuration, tolerance: 3e-6 + 1e-6 * Double(exponent),
            name: "\(activation), \(columns) columns, \(rows) rows, scale \(scale)")
        }
      }
    }
  }

  /// Gates whose exponential overflows or vanishes: 0 or the gate itself.
  @Test(arguments: Configuration.all, [GatedActivation.swiGLU, .geGLU])
  func extremeGates(_ configuration: Configuration, activation: GatedActivation) {
    let arithmetic = configuration.arithmetic()
    let gates: [Float] = [
      0, -0.0, 87, -87, 88, -88, 89, -89, 1000, -1000, 1e10, -1e10, 1e30, -1e30, 1e38, -1e38,
      .infinity, -.infinity, .leastNonzeroMagnitude, -.leastNormalMagnitude,
    ]
    let output = MatrixInput(arithmetic, rows: 1, columns: gates.count)
    arithmetic.activate(
      activation, gateAndUp: gates + [Float](repeating: 1, count: gates.count), rows: 1,
      columns: gates.count, into: output.pointer)
    for (gate, value) in zip(gates, output.values) {
      if gate == .infinity {
        #expect(value == .infinity)
      } else if gate == -.infinity {
        #expect(abs(value) < 1e-34)
      } else {
        let exact = activation == .swiGLU ? silu(Double(gate)) : gelu(Double(gate))
        #expect(abs(Double(value) - exact) <= abs(exact) * 0x1p-8 + 1e-34, "gate \(gate): \(value)")
      }
    }
  }

  @Test(arguments: InstructionSet.available)
  func softCap(_ set: InstructionSet) {
    let arithmetic = Configuration(instructionSet: set, precision: .fp32).arithmetic()
    for count in Self.columnCounts {
      for (scale, cap) in [(0.01, 1), (1, 1), (1, 30), (40, 50), (1e6, 50), (1e30, 30)]
        as [(Float, Float)]
      {
        let x = normalNumbers(count, scale: scale, seed: 27)
        var capped = x + [3]
        arithmetic.softCap(&capped, count: count, cap: cap)
        for (value, x) in zip(capped, x) {
          let exact = Double(cap) * tanh(Double(x) / Double(cap))
          #expect(abs(Double(value) - exact) <= 4e-7 * abs(exact), "\(x) under \(cap)")
        }
        #expect(capped[count] == 3)
      }
    }
    var special: [Float] = [0, -0.0, .infinity, -.infinity, .nan, 0.625, -0.625]
    arithmetic.softCap(&special, count: special.count, cap: 2)
    #expect(special[0] == 0 && special[1] == 0 && special[2] == 2 && special[3] == -2)
    #expect(special[4].isNaN && special[5] == -special[6])
  }

  /// The norm that is added is the norm of one row, whatever the threads.
  @Test(arguments: InstructionSet.available)
  func normsInFloat32(_ set: InstructionSet) {
    let configuration = Configuration(instructionSet: set, precision: .fp32)
    for threads in [1, 2] {
      let arithmetic = configuration.arithmetic(threads: threads)
      for columns in Self.columnCounts {
        let rows = 37
        let x = normalNumbers(rows * columns, scale: 5, seed: 28)
        let weight = normalNumbers(columns, seed: 29)
        let expected = MatrixInput(arithmetic, rows: rows, columns: columns)
        arithmetic.rmsNorm(
          x, rows: rows, columns: columns, weight: weight, epsilon: 1e-5, into: expected.pointer)
        var (added, stream) = (x, normalNumbers(rows * columns, seed: 30))
        let sums = zip(stream, expected.values).map { $0 + $1 }
        arithmetic.addRMSNorm(
          &added, rows: rows, columns: columns, weight: weight, epsilon: 1e-5, to: &stream)
        #expect(bits(stream) == bits(sums), "\(columns) columns")
      }
    }
  }

  @Test(arguments: Configuration.all)
  func whatIsNoNumberStaysNone(_ configuration: Configuration) {
    let arithmetic = configuration.arithmetic()
    for column in [0, 5, 20] {
      var x = normalNumbers(21, seed: 25)
      x[column] = .nan
      let ones = [Float](repeating: 1, count: 21)
      let output = MatrixInput(arithmetic, rows: 1, columns: 21)
      arithmetic.activate(
        .swiGLU, gateAndUp: x + ones, rows: 1, columns: 21, into: output.pointer)
      for (index, value) in output.values.enumerated() {
        #expect(value.isNaN == (index == column), "gate, column \(column)")
      }
      arithmetic.activate(
        .swiGLU, gateAndUp: ones + x, rows: 1, columns: 21, into: output.pointer)
      for (index, value) in output.values.enumerated() {
        #expect(value.isNaN == (index == column), "up, column \(column)")
      }
      arithmetic.round(x, count: 21, into: output.pointer)
      for (index, value) in output.values.enumerated() {
        #expect(value.isNaN == (index == column), "round, column \(column)")
      }
      arithmetic.rmsNorm(
        x, rows: 1, columns: 21, weight: ones, epsilon: 1e-5, into: output.pointer)
      #expect(output.values.allSatisfy { $0.isNaN }, "norm, column \(column)")
    }
  }

  @Test(arguments: Configuration.all)
  func round(_ configuration: Configuration) {
    let arithmetic = configuration.arithmetic()
    // Ties, values beside them, the largest numbers, infinities, zeros, then random bits of normal
    // numbers.
    var numbers = [
      0x3f80_8000, 0x3f81_8000, 0x3f80_7fff, 0x3f80_8001, 0xbf81_8000, 0x7f7f_7fff, 0x7f7f_8000,
      0xff7f_ffff, 0x7f80_0000, 0xff80_0000, 0, 0x8000_0000, 0x0080_8000,
    ].map { Float(bitPattern: $0) }
    var random = SplitMix64(seed: 26)
    while numbers.count < 5000 {
      let number = Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
      if number.isNormal { numbers.append(number) }
    }
    for count in Self.columnCounts + [numbers.count] {
      let output = MatrixInput(arithmetic, rows: 1, columns: count, filling: 3)
      arithmetic.round(numbers, count: count, into: output.pointer)
      #expect(bits(output.values) == bits(numbers[..<count].map(configuration.rounded)))
      #expect(output.padding.allSatisfy { $0 == 3 }, "\(count) columns")
    }
  }

  @Test(arguments: Configuration.all, WeightFormat.plain)
  func widen(_ configuration: Configuration, weights format: WeightFormat) {
    let arithmetic = configuration.arithmetic()
    for columns in Self.columnCounts {
      let operands = LinearOperands(arithmetic, weights: format, largest: 4 * columns)
      let weights = operands.matrix(outputs: 4, inputs: columns, hasBias: false)
      for row in 0..<4 {
        var output = [Float](repeating: 3, count: columns + 4)
        arithmetic.widen(row: row, of: weights, into: &output)
        let exact = Array(weights.floats[row * columns..<(row + 1) * columns])
        #expect(bits(Array(output[..<columns])) == bits(exact), "row \(row), \(columns) columns")
        #expect(output[columns...].allSatisfy { $0 == 3 }, "\(columns) columns")
      }
    }
  }

  @Test func everyPatternIsWidened() {
    for set in InstructionSet.available {
      let arithmetic = Configuration(instructionSet: set, precision: .bf16).arithmetic()
      let patterns = Array(UInt16.min...UInt16.max)
      var output = [Float](repeating: 0, count: patterns.count)
      patterns.withUnsafeBytes { bytes in
        let weights = WeightMatrix(
          outputs: 1, inputs: patterns.count, format: .bfloat16, elements: bytes.baseAddress!,
          owner: arithmetic)
        arithmetic.widen(row: 0, of: weights, into: &output)
      }
      #expect(bits(output) == patterns.map { UInt32($0) << 16 }, "\(set)")
    }
  }
}
