import Foundation
import Kernels
import TestSupport
import Testing
import Transformer

@Suite struct RoPETests {
  private func row(_ count: Int, salt: Int = 0) -> [Float] {
    (0..<count).map { Float(($0 * 37 + salt * 11) % 64 - 32) / 16 }
  }

  @Test(arguments: [16, 64, 80, 128], [10_000.0, 5_000_000])
  func rotationIsThatOfEachPairByItsAngle(headDimension: Int, theta: Double) {
    let rope = RoPE(RoPEParameters(theta: theta), headDimension: headDimension)
    for position in [0, 1, 255, 256, 99_999, 16_777_215] {
      let before = row(headDimension)
      var after = before
      rope.rotate(&after, at: position)
      for j in 0..<headDimension / 2 {
        let angle = Double(position) / pow(theta, Double(2 * j) / Double(headDimension))
        let (x, y) = (Double(before[j]), Double(before[j + headDimension / 2]))
        // Two products and a sum of float32, of values up to 2.
        #expect(abs(Double(after[j]) - (x * cos(angle) - y * sin(angle))) < 1e-6)
        #expect(
          abs(Double(after[j + headDimension / 2]) - (y * cos(angle) + x * sin(angle))) < 1e-6)
      }
      if position == 0 { #expect(after == before) }
    }
  }

  @Test func scoresDependOnDistanceAlone() {
    let rope = RoPE(RoPEParameters(theta: 10_000), headDimension: 64)
    func score(_ queryPosition: Int, _ keyPosition: Int) -> Float {
      var (query, key) = (row(64), row(64, salt: 5))
      rope.rotate(&query, at: queryPosition)
      rope.rotate(&key, at: keyPosition)
      return zip(query, key).reduce(0) { $0 + $1.0 * $1.1 }
    }
    for distance in [0, 1, 17, 300] {
      for shift in [1, 256, 1_000_003] {
        #expect(abs(score(distance, 0) - score(distance + shift, shift)) < 1e-4)
      }
    }
    #expect(abs(score(17, 0) - score(18, 0)) > 1e-2)
  }

  @Test(arguments: [16, 48, 128], [RotationLayout.halves, .adjacent])
  func aTableGivesTheBitsOfSingleRotations(headDimension: Int, layout: RotationLayout) {
    let rope = RoPE(
      RoPEParameters(
        theta: 10_000, rotaryDimension: layout == .halves ? nil : headDimension - 4, layout: layout),
      headDimension: headDimension)
    let reused = OwnedRoPETable(rope, capacity: 9)
    for positions in [0..<1, 250..<259, 1_000_000..<1_000_004, 7..<7] {
      // In two parts, as several sequences have them.
      reused.table.removeAll()
      for part in [positions.prefix(positions.count / 3), positions.dropFirst(positions.count / 3)]
      {
        reused.table.append(positions: part)
      }
      let fresh = OwnedRoPETable(rope, positions: positions)
      for (entry, position) in positions.enumerated() {
        for heads in [1, 3] {
          let before = row(heads * headDimension, salt: position)
          let rotated = [reused, fresh].map { table in
            var rows = before
            rows.withUnsafeMutableBufferPointer {
              table.rotate($0.baseAddress!, count: heads, by: entry, portableArithmetic)
            }
            return rows
          }
          let single = (0..<heads).flatMap { head in
            var one = Array(before[head * headDimension..<(head + 1) * headDimension])
            rope.rotate(&one, at: position)
            return one
          }
          #expect(rotated == [single, single], "position \(position), \(heads) heads")
        }
      }
    }
  }
}

let portableArithmetic = Arithmetic(
  precision: .fp32, instructionSet: .portable, team: ThreadTeam(threads: 1))

/// A table with memory of its own.
final class OwnedRoPETable {
  var table: RoPETable
  private let memory: Buffers

  init(_ rope: RoPE, capacity: Int) {
    var plan = BufferPlan()
    let tablePlan = RoPETable.Plan(rope, capacity: capacity, in: &plan)
    memory = Buffers(plan)
    table = RoPETable(rope, tablePlan, in: memory)
  }

  convenience init(_ rope: RoPE, positions: Range<Int>) {
    self.init(rope, capacity: positions.count)
    table.append(positions: positions)
  }

  func rotate(
    _ heads: UnsafeMutablePointer<Float>, count: Int, by entry: Int, _ arithmetic: Arithmetic
  ) {
    table.rotate(heads, count: count, by: entry, arithmetic)
  }
}
