import Kernels
import TestSupport
import Testing

/// Products whose outputs are sums over chunks of the inputs, against the definition: the layer of each
/// chunk's inputs by itself, and a plain sum in Float64.
struct ChunkSumTests {
  @Test func chunksFollowFromTheNumberOfInputs() {
    for (inputs, starts) in [
      (1, [0]), (511, [0]), (512, [0]), (1023, [0]), (1024, [0, 512]), (1101, [0, 512]),
      (1536, [0, 512, 1024]), (2880, [0, 512, 1024, 1536, 2048]),
    ] {
      let chunks = InputChunks(of: inputs)
      #expect(chunks.count == starts.count)
      for (chunk, start) in starts.enumerated() {
        let end = chunk + 1 < starts.count ? starts[chunk + 1] : inputs
        #expect(chunks.inputs(of: chunk..<chunk + 1) == start..<end, "\(inputs) inputs")
      }
      #expect(chunks.inputs(of: chunks.all) == 0..<inputs)
    }
  }

  private func numbers(_ count: Int, seed: Int) -> [Float] {
    var generator = SplitMix64(seed: UInt64(seed))
    return (0..<count).map { _ in Float(2 * generator.nextUniform() - 1) }
  }

  private final class Owner {
    let memory: AlignedBuffer<UInt8>
    init(_ count: Int) { memory = AlignedBuffer(count: count) }
  }

  private func matrix(_ format: WeightFormat, outputs: Int, inputs: Int, seed: Int) -> WeightMatrix
  {
    if format.name != "bf16", format.name != "f32" {
      return RandomBlocks.matrix(format, outputs: outputs, inputs: inputs, seed: UInt64(seed))
    }
    let owner = Owner(outputs * format.rowBytes(inputs: inputs) + 64)
    for (index, number) in numbers(outputs * inputs, seed: seed).enumerated() {
      let place = owner.memory.pointer + index * format.bytesPerBlock
      if format == .bfloat16 {
        UnsafeMutableRawPointer(place).storeBytes(of: BFloat16(number).bitPattern, as: UInt16.self)
      } else {
        UnsafeMutableRawPointer(place).storeBytes(of: number, as: Float.self)
      }
    }
    return WeightMatrix(
      outputs: outputs, inputs: inputs, format: format, elements: owner.memory.pointer,
      bias: numbers(outputs, seed: seed + 1), owner: owner)
  }

  /// The columns of some inputs, copied.
  private func columns(_ matrix: WeightMatrix, _ inputs: Range<Int>) -> WeightMatrix {
    let bytes = matrix.format.rowBytes(inputs: inputs.count)
    let first = matrix.format.rowBytes(inputs: inputs.lowerBound)
    let owner = Owner(matrix.outputs * bytes + 64)
    for row in 0..<matrix.outputs {
      UnsafeMutableRawPointer(owner.memory.pointer + row * bytes).copyMemory(
        from: matrix.row(row) + first, byteCount: bytes)
    }
    return WeightMatrix(
      outputs: matrix.outputs, inputs: inputs.count, format: matrix.format,
      elements: owner.memory.pointer, bias: inputs.lowerBound == 0 ? matrix.bias : [],
      owner: owner)
  }

  /// Some columns of rows, as matrix input of the type for a group.
  private func inputs(
    _ values: [Float], columns: Int, _ range: Range<Int>, type: InputType, _ arithmetic: Arithmetic
  ) -> Owner {
    let rows = values.count / columns
    let bytes = type.rowBytes(columns: range.count)
    let owner = Owner(rows * bytes)
    for row in 0..<rows {
      let own = Array(values[row * columns + range.lowerBound..<row * columns + range.upperBound])
      arithmetic.round(own, count: own.count, into: owner.memory.pointer + row * bytes, as: type)
    }
    return owner
  }

  @Test(
    arguments: WeightFormat.plain + WeightFormat.quantized.filter { $0 != .mxfp4 }, [1, 2, 13])
  func sumsAreThoseOfTheirChunks(format: WeightFormat, rows: Int) {
    let outputs = 75
    for inputs in format.blocks(1101) ? [1280, 2304] : [1101, 2100] {
      let matrix = matrix(format, outputs: outputs, inputs: inputs, seed: 3)
      let group = LinearGroup(matrix)
      let values = numbers(rows * inputs, seed: 5)
      let chunks = InputChunks(of: inputs)
      for arithmetic in arithmetics(threads: 2)
      where format.precisions.contains(arithmetic.precision) {
        let label: Comment = "\(format), \(rows) rows, \(inputs) inputs, \(arithmetic.label)"
        let type = arithmetic.inputType(of: group)
        var sums = [Double](repeating: 0, count: rows * outputs)
        for chunk in chunks.all {
          let range = chunks.inputs(of: chunk..<chunk + 1)
          let own = self.inputs(values, columns: inputs, range, type: type, arithmetic)
          var partial = [Float](repeating: 0, count: rows * outputs)
          arithmetic.multiplyRows(
            LinearGroup(columns(matrix, range)), range: 0..<outputs,
            inputs: MatrixInputs(own.memory.pointer, type), rows: rows, outputs: &partial,
            outputStride: outputs)
          for index in sums.indices { sums[index] += Double(partial[index]) }
        }
        let expected = sums.map { Float($0) }
        let all = self.inputs(values, columns: inputs, 0..<inputs, type: type, arithmetic)
        var whole = [Float](repeating: 7, count: rows * outputs)
        arithmetic.multiplyChunks(
          group, range: 0..<outputs, inputs: MatrixInputs(all.memory.pointer, type), rows: rows,
          outputs: &whole, outputStride: outputs)
        #expect(whole == expected, label)

        // Of two who multiply some chunks each, for some of the outputs.
        let range = 5..<70
        var added = [Double](repeating: 0, count: rows * range.count)
        for part in [0..<chunks.count / 2, chunks.count / 2..<chunks.count] {
          let columns = chunks.inputs(of: part)
          let own = self.inputs(values, columns: inputs, columns, type: type, arithmetic)
          var values = [Double](repeating: 7, count: rows * range.count)
          var rests = values
          values.withUnsafeMutableBufferPointer { values in
            rests.withUnsafeMutableBufferPointer { rests in
              arithmetic.sumChunks(
                group, range: range,
                of: ChunkInputs(
                  MatrixInputs(own.memory.pointer, type), chunks: part, of: chunks),
                rows: rows,
                into: ChunkSums(
                  values.baseAddress!, rests: arithmetic.keepsRests ? rests.baseAddress! : nil,
                  stride: range.count))
            }
          }
          for index in added.indices {
            added[index] += values[index] + (arithmetic.keepsRests ? rests[index] : 0)
          }
        }
        for row in 0..<rows {
          #expect(
            added[row * range.count..<(row + 1) * range.count].map { Float($0) }
              == Array(expected[row * outputs + 5..<row * outputs + 70]), label)
        }
      }
    }
  }

  /// What a token gets of its experts, from whoever multiplies which chunks of which experts: the chunks'
  /// sums times the expert's weight, each rounded, in a plain sum in Float64.
  @Test(arguments: WeightFormat.plain + WeightFormat.quantized)
  func tokensGetTheSumsOfTheirExperts(format: WeightFormat) {
    let (outputs, tokens) = (75, 5)
    // By expert: the tokens that go to it.
    let chosen: [[Int32]] = [[2], [], [0, 1, 2, 3, 4], [0, 4]]
    let rowTokens = chosen.flatMap(\.self)
    let rows = rowTokens.count
    let rowWeights = numbers(rows, seed: 31)
    for inputs in format.blocks(1101) ? [256, 1280] : [300, 1101] {
      let experts = chosen.indices.map {
        LinearGroup(matrix(format, outputs: outputs, inputs: inputs, seed: 40 + 2 * $0))
      }
      let values = numbers(rows * inputs, seed: 5)
      let chunks = InputChunks(of: inputs)
      for arithmetic in arithmetics(threads: 2)
      where format.precisions.contains(arithmetic.precision) {
        let label: Comment = "\(format), \(inputs) inputs, \(arithmetic.label)"
        let type = arithmetic.inputType(of: experts[0])
        // `[experts][rows of it]` by chunks.
        var expected = [Double](repeating: 0, count: tokens * outputs)
        var row = 0
        for (expert, ofExpert) in chosen.enumerated() {
          for token in ofExpert {
            for chunk in chunks.all {
              let range = chunks.inputs(of: chunk..<chunk + 1)
              let own = self.inputs(
                Array(values[row * inputs..<(row + 1) * inputs]), columns: inputs, range,
                type: type, arithmetic)
              var partial = [Float](repeating: 0, count: outputs)
              arithmetic.multiplyRows(
                LinearGroup(columns(experts[expert].matrices[0], range)), range: 0..<outputs,
                inputs: MatrixInputs(own.memory.pointer, type), rows: 1, outputs: &partial,
                outputStride: outputs)
              for (output, number) in partial.enumerated() {
                expected[Int(token) * outputs + output] += Double(rowWeights[row] * number)
              }
            }
            row += 1
          }
        }

        func add(
          _ experts: [LinearGroup], _ numbers: Range<Int>, chunks own: Range<Int>,
          range: Range<Int>, to sums: ChunkSums
        ) {
          let firstRow = chosen[..<numbers.lowerBound].reduce(0) { $0 + $1.count }
          var runs: [ExpertRun] = []
          var count = 0
          for expert in numbers where !chosen[expert].isEmpty {
            runs.append(ExpertRun(expert: expert, rows: count..<count + chosen[expert].count))
            count += chosen[expert].count
          }
          let columns = chunks.inputs(of: own)
          let own = (
            chunks: own,
            inputs: self.inputs(
              Array(values[firstRow * inputs..<(firstRow + count) * inputs]), columns: inputs,
              columns, type: type, arithmetic)
          )
          let scratch = AlignedBuffer<Double>(count: 2 * count * range.count)
          runs.withUnsafeBufferPointer { runs in
            rowTokens.withUnsafeBufferPointer { tokens in
              rowWeights.withUnsafeBufferPointer { weights in
                arithmetic.addChunks(
                  experts,
                  rows: ExpertRows(
                    runs: runs, tokens: tokens.baseAddress! + firstRow,
                    weights: weights.baseAddress! + firstRow),
                  range: range,
                  of: ChunkInputs(
                    MatrixInputs(own.inputs.memory.pointer, type), chunks: own.chunks, of: chunks),
                  scratch: sums.like(scratch.pointer, rows: count), to: sums)
              }
            }
          }
        }
        // All at once, or an expert's chunks one by one in descending order, for some of the outputs.
        for (isWhole, range) in [(true, 0..<outputs), (false, 5..<70)] {
          let memory = AlignedBuffer<Double>(count: 2 * tokens * range.count)
          let sums = ChunkSums(
            memory.pointer,
            rests: arithmetic.keepsRests ? memory.pointer + tokens * range.count : nil,
            stride: range.count)
          sums.clear(rows: tokens, columns: range.count)
          if isWhole {
            add(experts, 0..<chosen.count, chunks: chunks.all, range: range, to: sums)
          } else {
            for expert in chosen.indices.reversed() {
              for chunk in chunks.all.reversed() {
                add(
                  experts, expert..<expert + 1, chunks: chunk..<chunk + 1, range: range, to: sums)
              }
            }
          }
          var found = [Float](repeating: 7, count: tokens * range.count)
          sums.round(rows: tokens, columns: range.count, to: &found)
          for token in 0..<tokens {
            #expect(
              Array(found[token * range.count..<(token + 1) * range.count])
                == range.map { Float(expected[token * outputs + $0]) },
              "\(label), token \(token), whole: \(isWhole)")
          }
        }
      }
    }
  }
}

extension ChunkSums {
  /// Others, with rests where these have them.
  fileprivate func like(_ memory: UnsafeMutablePointer<Double>, rows: Int) -> ChunkSums {
    ChunkSums(memory, rests: rests == nil ? nil : memory + rows * stride, stride: stride)
  }
}

extension WeightFormat {
  /// Whether rows of so many inputs would not be whole blocks.
  fileprivate func blocks(_ inputs: Int) -> Bool { inputs % elementsPerBlock != 0 }
}
