import Kernels
import MPI
import ModelFiles
import Ranks
import RingAttention
import TestSupport
import Testing

extension RankTests {
  @Suite @MPIThread struct DividedLinearTests {
    /// Matrices with the same input, with and without biases.
    private struct Shape {
      let outputs: [Int]
      let inputs: Int
      /// Whether several ranks share it out.
      let isDivided: Bool
    }

    /// Of the ranks' ranges, some cross the borders of matrices, some lie in one, and some are empty.
    private nonisolated static let shapes = [
      Shape(outputs: [40, 8, 8], inputs: 64, isDivided: false),
      Shape(outputs: [700, 93, 90], inputs: 1210, isDivided: true),
      Shape(outputs: [501, 501], inputs: 1100, isDivided: true),
      Shape(outputs: [5], inputs: 150_001, isDivided: true),
      Shape(outputs: [1, 2, 1], inputs: 200_000, isDivided: true),
    ]

    private func numbers(_ count: Int, seed: Int) -> [Float] {
      var generator = SplitMix64(seed: UInt64(seed))
      return (0..<count).map { _ in Float(2 * generator.nextUniform() - 1) }
    }

    private func group(_ shape: Shape, _ format: WeightFormat) -> LinearGroup {
      let matrices = shape.outputs.enumerated().map { index, outputs in
        let elements = numbers(outputs * shape.inputs, seed: index)
        let tensor =
          format == .bfloat16
          ? Tensor(
            name: "", elementType: .bfloat16, shape: [outputs, shape.inputs],
            copying: elements.map(BFloat16.init))
          : Tensor(
            name: "", elementType: .float32, shape: [outputs, shape.inputs], copying: elements)
        return WeightMatrix(
          outputs: outputs, inputs: shape.inputs, format: format,
          elements: tensor.bytes.baseAddress!,
          bias: index == 1 ? numbers(outputs, seed: 100) : [], owner: tensor.owner)
      }
      return switch matrices.count {
      case 1: LinearGroup(matrices[0])
      case 2: LinearGroup(matrices[0], matrices[1])
      default: LinearGroup(matrices[0], matrices[1], matrices[2])
      }
    }

    /// Rows of matrix input, and what they hold as numbers: `[rows][inputs]`.
    private final class Inputs {
      let memory: AlignedBuffer<UInt8>
      let values: [Float]
      let type: InputType
      var matrix: MatrixInputs { MatrixInputs(memory.pointer, type) }

      init(_ values: [Float], columns: Int, _ arithmetic: Arithmetic) {
        let rows = values.count / columns
        let stride = Arithmetic.inputStride(columns: columns) * arithmetic.inputType.bytes
        type = arithmetic.inputType
        self.values = arithmetic.precision == .bf16 ? values.map { BFloat16($0).float } : values
        memory = AlignedBuffer(count: rows * stride)
        for row in 0..<rows {
          let numbers = Array(values[row * columns..<(row + 1) * columns])
          arithmetic.round(numbers, count: columns, into: memory.pointer + row * stride)
        }
      }
    }

    private func divided(
      _ communicator: Communicator, _ arithmetic: Arithmetic, elements: Int, rows: Int = 65
    ) throws -> DividedLinear {
      DividedLinear(
        arithmetic: arithmetic,
        exchange: try HostExchange(
          communicator,
          bytes: DividedLinear.bytesGiven(
            elements: elements, rows: rows, ranks: communicator.size)))
    }

    /// `[rows][group.outputs]`; fails if more is written.
    private func multiply(
      _ linear: DividedLinear, _ group: LinearGroup, _ inputs: MatrixInputs, rows: Int,
      _ label: String
    ) throws -> [Float] {
      let count = rows * group.outputs
      var output = [Float](repeating: 7.5, count: count + 9)
      try linear.multiply(group, inputs: inputs, rows: rows, into: &output)
      #expect(output[count...].allSatisfy { $0 == 7.5 }, "\(label)")
      return Array(output[..<count])
    }

    /// Close to the definition on one rank, and the same bits on any number of them, with any number
    /// of threads, and whatever is computed before; the shares that are sent are counted.
    @Test(arguments: shapes.indices, [WeightFormat.bfloat16, .float32])
    func ranksGiveTheBitsOfOne(shape: Int, format: WeightFormat) throws {
      let shape = Self.shapes[shape]
      let group = group(shape, format)
      for arithmetic in arithmetics() where format.precisions.contains(arithmetic.precision) {
        let isHighest = arithmetic.instructionSet == InstructionSet.available.last
        let most = isHighest && shape.inputs < 2000 ? 65 : 13
        let inputs = Inputs(
          numbers(most * shape.inputs, seed: 7), columns: shape.inputs, arithmetic)
        let linear = try divided(
          world, arithmetic.with(threads: 2), elements: most * group.outputs)
        let single = try divided(
          try MPIEnvironment.communicatorOfThisRank(), arithmetic, elements: most * group.outputs)
        var sent = 0
        for rows in most == 65 ? Array(1...65) : [1, 2, 3, 12, 13] {
          let label = "\(shape), \(format), \(arithmetic.label), \(rows) rows"
          let alone = try world.fromRank0 {
            try multiply(single, group, inputs.matrix, rows: rows, label)
          }
          let together = try multiply(linear, group, inputs.matrix, rows: rows, label)
          #expect(together.bits == alone.bits, "\(label)")
          if shape.isDivided, world.size > 1 {
            let (outputs, rank) = (group.outputs, world.rank)
            let own = outputs * (rank + 1) / world.size - outputs * rank / world.size
            sent += 4 * rows * own
          }
          #expect(linear.bytesSent == sent, "\(label)")
          if world.rank == 0, rows == most || rows == 1 {
            expectClose(alone, group, Array(inputs.values.prefix(rows * shape.inputs)), label)
          }
        }
        #expect(single.bytesSent == 0)
      }
    }

    /// Matrices in blocks of small integers, as int8 and unpacked.
    @Test func ranksGiveTheBitsOfOneForBlocks() throws {
      let matrices = [(WeightFormat.q4_K, 700), (.q6_K, 1300), (.iq4_NL, 333)].map {
        RandomBlocks.matrix($0, outputs: $1, inputs: 1024, seed: UInt64($1))
      }
      let group = LinearGroup(matrices[0], matrices[1], matrices[2])
      #expect(DividedLinear.isWorthDividingOnHost(bytes: group.bytes, ranks: 2))
      for arithmetic in highestArithmetics(threads: 2) {
        let own = Inputs(numbers(13 * 1024, seed: 8), columns: 1024, arithmetic)
        let type = arithmetic.inputType(of: group)
        let memory = AlignedBuffer<UInt8>(count: 13 * type.rowBytes(columns: 1024))
        var inputs = MatrixInputs(own.memory.pointer, own.type)
        if type == .int8 {
          arithmetic.quantize(inputs.rows, count: 13, columns: 1024, into: memory.pointer)
          inputs = MatrixInputs(memory.pointer, type)
        }
        let linear = try divided(world, arithmetic, elements: 13 * group.outputs)
        let single = try divided(
          try MPIEnvironment.communicatorOfThisRank(), arithmetic.with(threads: 1),
          elements: 13 * group.outputs)
        for rows in [1, 13] {
          let alone = try world.fromRank0 {
            try multiply(single, group, inputs, rows: rows, "alone, \(arithmetic.label)")
          }
          let together = try multiply(linear, group, inputs, rows: rows, arithmetic.label)
          #expect(together.bits == alone.bits, "\(rows) rows, \(arithmetic.label)")
        }
      }
    }

    /// The error may be 1.5 times that of a plain float32 loop, and a unit in the last place of the
    /// sum of magnitudes where a few outputs tell nothing about a loop's usual error.
    private func expectClose(
      _ outputs: [Float], _ group: LinearGroup, _ inputs: [Float], _ label: String
    ) {
      var column = 0
      for matrix in group.matrices {
        let exact = ReferenceLinear.multiply(matrix, inputs: inputs)
        let naive = ReferenceLinear.multiplyInFloat32(matrix, inputs: inputs)
        var (error, bound) = (0.0, 0.0)
        for index in exact.indices {
          let (row, output) = (index / matrix.outputs, index % matrix.outputs)
          let computed = Double(outputs[row * group.outputs + column + output])
          error += (computed - exact[index]) * (computed - exact[index])
          let naiveError = Double(naive.outputs[index]) - exact[index]
          let unit = exact.count < 64 ? naive.magnitudes[index] * 0x1p-23 : 0
          bound += 1.5 * 1.5 * naiveError * naiveError + unit * unit
        }
        #expect(error <= bound, "\(label)")
        column += matrix.outputs
      }
    }

    /// One instance serves groups of all sizes in turns, as the layers of a model use it.
    @Test func groupsTakeTurns() throws {
      for arithmetic in highestArithmetics() {
        let groups = Self.shapes.map { group($0, .bfloat16) }
        let inputs = Self.shapes.map {
          Inputs(numbers(3 * $0.inputs, seed: 9), columns: $0.inputs, arithmetic)
        }
        let linear = try divided(world, arithmetic, elements: 3 * groups.map(\.outputs).max()!)
        var first: [[Float]] = []
        for round in 0..<3 {
          for index in groups.indices {
            let label = "group \(index), round \(round), \(arithmetic.label)"
            let output = try multiply(linear, groups[index], inputs[index].matrix, rows: 3, label)
            if round == 0 { first.append(output) }
            #expect(output == first[index], "\(label)")
          }
        }
      }
    }

    /// Some ranks compute, and all know what comes of it: of small groups, too.
    @Test(arguments: [1, 3, 13]) func ranksThatComputeNothingAreBroughtTheOutputs(rows: Int) throws
    {
      let computing = (0..<world.size).filter { $0 % 3 != 1 }
      let arithmetic = try #require(
        highestArithmetics(threads: 2).last { $0.precision == .bf16 })
      for shape in Self.shapes.indices {
        let group = group(Self.shapes[shape], .bfloat16)
        let inputs = Inputs(
          numbers(rows * group.inputs, seed: 9), columns: group.inputs, arithmetic)
        let label = "\(shape), \(rows) rows"
        let single = try divided(
          MPIEnvironment.communicatorOfThisRank(), arithmetic, elements: rows * group.outputs)
        let some = DividedLinear(
          arithmetic: arithmetic,
          exchange: try HostExchange(
            world,
            bytes: DividedLinear.bytesGiven(
              elements: rows * group.outputs, rows: rows, ranks: computing.count)),
          computing: computing)
        let alone = try multiply(single, group, inputs.matrix, rows: rows, label)
        // Who computes nothing needs no inputs.
        let garbage = Inputs(
          [Float](repeating: .nan, count: rows * group.inputs), columns: group.inputs, arithmetic)
        let together = try multiply(
          some, group, computing.contains(world.rank) ? inputs.matrix : garbage.matrix, rows: rows,
          label)
        #expect(together.bits == alone.bits, "\(label)")
        #expect(computing.contains(world.rank) || some.bytesSent == 0)
      }
    }

    /// Each host has neighbouring chunks, which end as near as they can to where equal parts would, and
    /// all of them are somebody's.
    @Test func hostsShareChunks() {
      for (inputs, hosts, shares) in [
        (2816, 2, [0..<3, 3..<5]), (2816, 4, [0..<1, 1..<3, 3..<4, 4..<5]),
        (1024, 2, [0..<1, 1..<2]), (1024, 3, [0..<1, 1..<1, 1..<2]), (512, 2, [0..<1, 1..<1]),
        (2048, 1, [0..<4]),
      ] {
        let chunks = InputChunks(of: inputs)
        let divided = HostChunks(chunks, hosts: hosts, own: hosts - 1)
        #expect((0..<hosts).map { divided[$0] } == shares, "\(inputs) over \(hosts)")
        #expect(divided.own == shares.last)
      }
      for inputs in stride(from: 512, to: 20_000, by: 137) {
        for hosts in 1...9 {
          let divided = HostChunks(InputChunks(of: inputs), hosts: hosts, own: 0)
          #expect((0..<hosts).flatMap { Array(divided[$0]) } == Array(divided.inputs.all))
        }
      }
    }

    /// By columns where gathers and a reduction of all states take longer than sums, parts of rows, and the
    /// host that has more than its share of the chunks.
    @Test func columnsWhereTheyAreFaster() {
      let (mega, kilo) = (1 << 20, 1 << 10)
      for (layers, inputs, states, hosts, ranks, isFaster) in [
        // Llama 3.1 70B in bf16: gate and up, down; the output projection, whose gather is as short as
        // the sums, though the states are not.
        ([(896 * mega, 56 * kilo), (448 * mega, 8 * kilo)], 28 * kilo, 0, 8, 8, true),
        ([(128 * mega, 8 * kilo)], 8 * kilo, 8 * kilo, 8, 8, true),
        // Five chunks on two and on three hosts, and what is too small to be divided at all.
        ([(11 * mega, 5632), (6 * mega, 1024)], 2816, 0, 2, 1, false),
        ([(11 * mega, 5632), (6 * mega, 1024)], 2816, 0, 3, 1, false),
        ([(2 * mega, 3 * kilo), (mega, 512)], 1536, 0, 3, 1, true),
        ([(200 * kilo, 3 * kilo), (100 * kilo, 512)], 1536, 0, 3, 1, false),
        // One host, and one chunk.
        ([(896 * mega, 56 * kilo), (448 * mega, 8 * kilo)], 28 * kilo, 0, 1, 8, false),
        ([(896 * mega, 56 * kilo), (448 * mega, 8 * kilo)], 1000, 0, 2, 8, false),
      ] {
        let chain = ChainedLayers(
          layers.dropLast().first.map { ($0.0, $0.1) }, last: layers.last!, rows: 1,
          stateElements: states)
        #expect(
          chain.isFasterByColumns(
            of: SumUnits(InputChunks(of: inputs)), hosts: hosts, ranksOfHost: ranks,
            keepsRests: false) == isFaster, "\(layers) on \(hosts) hosts")
      }
    }

    /// Within a host 64 KB that a rank need not read are worth a gathering, among hosts half a megabyte
    /// with a short message; a rank alone has none.
    @Test func largeGroupsAreDivided() {
      let least = 1 << 16
      for (bytes, ranks, isDivided) in [
        (0, 2, false), (2 * least, 2, false), (2 * least + 2, 2, true), (least, 8, false),
        (least + least / 7 + 8, 8, true), (1 << 40, 1, false),
      ] {
        #expect(
          DividedLinear.isWorthDividingOnHost(bytes: bytes, ranks: ranks) == isDivided,
          "\(bytes) bytes on \(ranks) ranks")
      }
      // At 10 GB/s of each rank.
      for (bytes, hosts, ranks, isDivided) in [
        (0, 2, 2, false), (1 << 30, 1, 8, false), (990_000, 2, 2, false), (1_010_000, 2, 2, true),
        (1_980_000, 2, 4, false), (2_020_000, 2, 4, true), (560_000, 8, 8, false),
        (580_000, 8, 8, true),
      ] {
        #expect(
          DividedLinear.isWorthDividingAmongHosts(
            bytes: bytes, hosts: hosts, ranks: ranks, exchangeSeconds: 50e-6) == isDivided,
          "\(bytes) bytes on \(ranks) ranks of \(hosts) hosts")
      }
    }
  }
}
