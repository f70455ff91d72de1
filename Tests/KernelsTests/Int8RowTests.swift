import Kernels
import TestSupport
import Testing

/// Rows that are rounded to int8, against the plain twin, to the last bit.
struct Int8RowTests {
  private static let columnCounts = [1, 31, 32, 33, 64, 100, 544]

  /// Rows whose groups have each something of their own.
  private static let special: [Float] = [
    0, -0.0, 1, -1, 127, -127, 126.5, 125.5, 0.5, -0.5, 1.5, 2.5, 63.5, -64.5, 0x1p-120, -0x1p-120,
    0x1.fffffep-121, -0x1p-121, .leastNormalMagnitude, .leastNonzeroMagnitude,
    .greatestFiniteMagnitude, -.greatestFiniteMagnitude, 1e-30, 1e30, .infinity, -.infinity, .nan,
    Float(bitPattern: 0xffc0_0001), Float(bitPattern: 0x7f80_0001),
  ]

  @Test(arguments: InstructionSet.available)
  func anyNumberIsRounded(_ set: InstructionSet) {
    let table = table(of: set)
    for columns in Self.columnCounts {
      for scale in [1, 1e-30, 0x1p-120, 1e-38, 1e35] as [Float] {
        let values = normalNumbers(3 * columns, scale: scale, seed: 41)
        let fault = Int8Rows(values, columns: columns, table).fault(against: values)
        #expect(fault == nil, "\(columns) columns, scale \(scale)")
      }
    }
    // Each with each other, first and last in a group.
    for first in Self.special {
      for second in Self.special {
        var values = [Float](repeating: 0, count: 64)
        values[0] = first
        values[31] = second
        values[40] = first
        let fault = Int8Rows(values, columns: 64, table).fault(against: values)
        #expect(fault == nil, "\(first) and \(second)")
      }
    }
    var random = SplitMix64(seed: 42)
    let patterns = (0..<6400).map { _ in
      // Exponents around any, so that groups are of numbers of one size.
      Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))
    }
    #expect(Int8Rows(patterns, columns: 64, table).fault(against: patterns) == nil)
  }

  @Test(arguments: Configuration.all)
  func rowsOfTheOwnTypeAreRounded(_ configuration: Configuration) {
    for threads in [1, 2] {
      let arithmetic = configuration.arithmetic(threads: threads)
      for (rows, columns) in [(1, 32), (16, 33), (17, 64), (40, 544)] {
        let values = normalNumbers(rows * columns, seed: 43)
        let own = MatrixInput(arithmetic, values, columns: columns, filling: 1000)
        let output = Int8Rows(rows: rows, columns: columns)
        arithmetic.quantize(own.pointer, count: rows, columns: columns, into: output.row(0))
        #expect(output.fault(against: own.values) == nil, "\(rows) rows, \(columns) columns")
      }
    }
  }

  /// A norm and an activation are rounded once, from the float32 that fp32 precision has.
  @Test(arguments: Configuration.all)
  func resultsAreRoundedFromFloat32(_ configuration: Configuration) {
    let exact = Configuration(instructionSet: configuration.instructionSet, precision: .fp32)
      .arithmetic()
    for threads in [1, 2] {
      let arithmetic = configuration.arithmetic(threads: threads)
      for (rows, columns) in [(1, 32), (16, 33), (17, 64), (40, 544)] {
        let label = "\(rows) rows, \(columns) columns, \(threads) threads"
        let x = normalNumbers(2 * rows * columns, seed: 44)
        let weight = normalNumbers(columns, seed: 45)
        let (floats, output) = (
          MatrixInput(exact, rows: rows, columns: columns), Int8Rows(rows: rows, columns: columns)
        )
        exact.rmsNorm(
          x, rows: rows, columns: columns, weight: weight, epsilon: 1e-5, into: floats.pointer)
        arithmetic.rmsNorm(
          x, rows: rows, columns: columns, weight: weight, epsilon: 1e-5, into: output.row(0),
          as: .int8)
        #expect(output.fault(against: floats.values) == nil, "norm, \(label)")
        for activation in [GatedActivation.swiGLU, .geGLU] {
          exact.activate(
            activation, gateAndUp: x, rows: rows, columns: columns, into: floats.pointer)
          arithmetic.activate(
            activation, gateAndUp: x, rows: rows, columns: columns, into: output.row(0), as: .int8)
          #expect(output.fault(against: floats.values) == nil, "\(activation), \(label)")
        }
      }
    }
  }
}
