// Linear layers of which a row takes those of its expert. Goals, in this order: a row's bits follow from
// the row and its expert alone, whichever rows are multiplied with it; that weights are read once for all
// rows that want them; speed.
//
// Rows that have the same expert stand together. All experts of a call share the threads, so that these
// have work however the rows are spread over the experts.

/// Neighbouring rows that have the same expert.
public struct ExpertRun: BitwiseCopyable, Sendable, Equatable {
  public let expert: Int32
  public let firstRow: Int32
  public let rowCount: Int32

  public init(expert: Int, rows: Range<Int>) {
    self.expert = Int32(expert)
    firstRow = Int32(rows.lowerBound)
    rowCount = Int32(rows.count)
  }

  public var rows: Range<Int> { Int(firstRow)..<Int(firstRow + rowCount) }
}

/// Rows that go to experts, those of an expert together, and the tokens that they are of.
public struct ExpertRows {
  /// Without gaps, from row 0 on.
  public let runs: UnsafeBufferPointer<ExpertRun>
  /// `[rows]`: the number of each row's token.
  public let tokens: UnsafePointer<Int32>
  /// `[rows]`: what the expert's outputs are multiplied with.
  public let weights: UnsafePointer<Float>

  public init(
    runs: UnsafeBufferPointer<ExpertRun>, tokens: UnsafePointer<Int32>,
    weights: UnsafePointer<Float>
  ) {
    self.runs = runs
    self.tokens = tokens
    self.weights = weights
  }

  public var count: Int { runs.last?.rows.upperBound ?? 0 }

  /// The most that an expert has.
  var most: Int { runs.reduce(0) { max($0, Int($1.rowCount)) } }

  /// Bytes of the weights that these rows want of layers of all experts.
  public func bytes(of experts: [LinearGroup]) -> Int {
    runs.reduce(0) { $0 + experts[Int($1.expert)].bytes }
  }
}

extension Arithmetic {
  /// Copies the rows of the tokens to where they stand together by experts.
  ///
  /// - Parameters:
  ///   - inputs: `[tokens]` of a matrix input.
  ///   - columns: of them.
  ///   - output: takes `[rows.count]` of the same type.
  public func gather(
    _ inputs: MatrixInputs, columns: Int, rows: ExpertRows, into output: UnsafeMutableRawPointer
  ) {
    let bytes = inputs.type.rowBytes(columns: columns)
    let perItem = 32
    team.forEach((rows.count + perItem - 1) / perItem) { item, _ in
      for row in item * perItem..<min(rows.count, (item + 1) * perItem) {
        (output + row * bytes).copyMemory(
          from: inputs.rows + Int(rows.tokens[row]) * bytes, byteCount: bytes)
      }
    }
  }

  /// `outputs[row]` = what the layers of its expert give, one after the other, as matrix products.
  ///
  /// - Parameters:
  ///   - experts: the layers of each, of equal shapes.
  ///   - inputs: `[rows.count]` of one type for all.
  ///   - outputs: `[rows.count][outputs of an expert]` float32.
  public func multiply(
    _ experts: [LinearGroup], rows: ExpertRows, inputs: MatrixInputs,
    outputs: UnsafeMutablePointer<Float>
  ) {
    let width = experts[0].outputs
    // OpenBLAS may round a row differently where there are other rows with it.
    guard multipliesPanels || inputs.type == .int8 else {
      multiplyRows(experts, rows: rows, range: 0..<width, inputs: inputs, outputs: outputs)
      return
    }
    let rowBytes = inputs.type.rowBytes(columns: experts[0].inputs)
    var products: [LinearProduct] = []
    for run in rows.runs {
      let first = Int(run.firstRow)
      var column = 0
      for matrix in experts[Int(run.expert)].matrices {
        products.append(
          LinearProduct(
            weights: matrix, inputs: MatrixInputs(inputs.rows + first * rowBytes, inputs.type),
            tokens: run.rows.count, outputs: outputs + first * width + column, outputStride: width,
            accumulate: false))
        column += matrix.outputs
      }
    }
    multiply(products)
  }

  /// The same for few rows, whose speed is that of reading weights: some of the outputs. Takes no
  /// memory.
  ///
  /// - Parameters:
  ///   - range: among the outputs of all layers of an expert.
  ///   - outputs: `[rows.count][range.count]` float32.
  public func multiplyRows(
    _ experts: [LinearGroup], rows: ExpertRows, range: Range<Int>, inputs: MatrixInputs,
    outputs: UnsafeMutablePointer<Float>
  ) {
    guard !range.isEmpty, rows.count > 0 else { return }
    multiplyRows(
      of: inputs, columns: experts[0].inputs, rows: rows.count,
      isSplit: rows.most > 1, outputs: outputs, outputStride: range.count
    ) {
      for run in rows.runs { addRows(run.rows, of: experts[Int(run.expert)], range: range) }
    }
  }

  /// The same of some outputs of each layer of an expert.
  ///
  /// - Parameters:
  ///   - range: among these outputs of all layers of an expert.
  ///   - outputs: `[rows.count][range.count]` float32.
  public func multiplyRows(
    _ experts: [LinearGroup], rows: ExpertRows, range: Range<Int>, outputsOfEach: Range<Int>,
    inputs: MatrixInputs, outputs: UnsafeMutablePointer<Float>
  ) {
    guard !range.isEmpty, rows.count > 0 else { return }
    multiplyRows(
      of: inputs, columns: experts[0].inputs, rows: rows.count, isSplit: rows.most > 1,
      outputs: outputs, outputStride: range.count
    ) {
      for run in rows.runs {
        addRows(
          run.rows, of: experts[Int(run.expert)], range: range, outputsOfEach: outputsOfEach)
      }
    }
  }

  /// Adds to each token's sums what its experts give of some chunks of their inputs, each chunk's times
  /// the row's weight. Takes no memory.
  ///
  /// - Parameters:
  ///   - range: among the outputs of an expert.
  ///   - inputs: `[rows.count]`
  ///   - scratch: `[rows.count][range.count]`
  ///   - sums: `[tokens][range.count]`
  public func addChunks(
    _ experts: [LinearGroup], rows: ExpertRows, range: Range<Int>, of inputs: ChunkInputs,
    scratch: ChunkSums, to sums: ChunkSums
  ) {
    guard !range.isEmpty, !inputs.chunks.isEmpty, rows.count > 0 else { return }
    sumRows(
      of: inputs, layer: InputChunks(of: experts[0].inputs),
      rows: (all: rows.count, ofPart: rows.most), weights: rows.weights, into: .sums(scratch)
    ) {
      for run in rows.runs { addRows(run.rows, of: experts[Int(run.expert)], range: range) }
    }
    forEachColumns(range.count, ofRows: rows.count) { columns in
      for row in 0..<rows.count {
        scratch.add(row, columns: columns, to: sums, Int(rows.tokens[row]))
      }
    }
  }

  /// Adds to each token what its rows have, times their weights, in the order of the rows.
  ///
  /// - Parameters:
  ///   - outputs: `[rows.count][columns]` float32.
  ///   - tokens: `[tokens][columns]` float32.
  public func add(
    _ outputs: UnsafePointer<Float>, rows: ExpertRows, columns: Int,
    to tokens: UnsafeMutablePointer<Float>
  ) {
    forEachColumns(columns, ofRows: rows.count) { range in
      for row in 0..<rows.count {
        let weight = rows.weights[row]
        let source = outputs + row * columns
        let destination = tokens + Int(rows.tokens[row]) * columns
        for column in range { destination[column] += weight * source[column] }
      }
    }
  }

  /// A thread has some columns of all rows, so that the order is that of the rows.
  private func forEachColumns(_ columns: Int, ofRows rows: Int, _ body: (Range<Int>) -> Void) {
    let parts = rows * columns < 1 << 16 ? 1 : max(1, min(4 * team.threads, columns / 16))
    team.forEach(parts) { part, _ in
      body(columns * part / parts..<columns * (part + 1) / parts)
    }
  }
}
