import Kernels
import Testing

@Suite struct WeightFormatTests {
  @Test func everyFormatHasItsNameAndSomethingThatMultipliesIt() {
    let formats = WeightFormat.all
    #expect(Set(formats.map(\.name)).count == formats.count)
    #expect(Set(formats).count == formats.count)
    for format in formats {
      #expect(!format.precisions.isEmpty, "\(format)")
      #expect(format.elementsPerBlock >= 1 && format.bytesPerBlock >= 1, "\(format)")
    }
    #expect(WeightFormat.bfloat16.precisions == [.bf16, .fp32])
    #expect(WeightFormat.float32.precisions == [.fp32])
  }

  @Test func rowsAreWholeBlocks() {
    #expect(WeightFormat.bfloat16.rowBytes(inputs: 7) == 14)
    #expect(WeightFormat.float32.rowBytes(inputs: 7) == 28)
    for format in WeightFormat.all {
      for inputs in [0, 1, 31, 32, 33, 4096] {
        let blocks = (inputs + format.elementsPerBlock - 1) / format.elementsPerBlock
        #expect(format.rowBytes(inputs: inputs) == blocks * format.bytesPerBlock, "\(format)")
      }
    }
  }

  /// Elements are unpacked exactly, at an odd address, too.
  @Test(arguments: [0, 1, 15, 16, 17, 100])
  func elementsAreUnpackedAtAnyAddress(count: Int) {
    let numbers = normalNumbers(count, seed: 3)
    let halves = numbers.map { BFloat16($0) }
    let memory = AlignedBuffer<UInt8>(count: 4 * count + 1)
    let odd = UnsafeMutableRawPointer(memory.pointer) + 1
    for (index, half) in halves.enumerated() {
      odd.storeBytes(of: half.bitPattern, toByteOffset: 2 * index, as: UInt16.self)
    }
    #expect(WeightFormat.bfloat16.floats(at: odd, count: count) == halves.map(\.float))
    for (index, number) in numbers.enumerated() {
      odd.storeBytes(of: number, toByteOffset: 4 * index, as: Float.self)
    }
    #expect(WeightFormat.float32.floats(at: odd, count: count) == numbers)
  }

  /// A matrix's rows, and a part of them, lie where its format says.
  @Test(arguments: WeightFormat.plain)
  func rowsOfAMatrixFollowEachOther(format: WeightFormat) {
    let operands = LinearOperands(
      Configuration(instructionSet: .portable, precision: .fp32).arithmetic(), weights: format,
      largest: 40)
    let matrix = operands.matrix(outputs: 5, inputs: 8, hasBias: true)
    #expect(matrix.bytes == 5 * matrix.rowBytes)
    let part = matrix.rows(2..<4)
    #expect(part.row(1) == matrix.row(3) && part.row(0) - matrix.row(0) == 2 * matrix.rowBytes)
    #expect(part.bias == Array(matrix.bias[2..<4]) && part.outputs == 2)
    #expect(matrix.flops == 80)
    let group = LinearGroup(matrix, part)
    #expect(group.outputs == 7 && group.flops == 112 && group.bytes == matrix.bytes + part.bytes)
  }
}
