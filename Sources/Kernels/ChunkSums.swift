import CKernels

/// The chunks of a layer's inputs: so wide that their sums cost nothing beside the products, the last
/// one with what is left.
public struct InputChunks: Sendable, Equatable {
  public static let width = Int(RF_CHUNK_INPUTS)

  public let inputs: Int
  public var count: Int { max(1, inputs / Self.width) }
  public var all: Range<Int> { 0..<count }

  public init(of inputs: Int) { self.inputs = inputs }

  /// Inputs of neighbouring chunks.
  public func inputs(of chunks: Range<Int>) -> Range<Int> {
    func start(_ chunk: Int) -> Int { chunk == count ? inputs : chunk * Self.width }
    return start(chunks.lowerBound)..<start(chunks.upperBound)
  }
}

/// Rows of the inputs of some chunks.
public struct ChunkInputs {
  /// Of the chunks' inputs only.
  public let inputs: MatrixInputs
  /// From one row to the next.
  public let rowBytes: Int
  public let chunks: Range<Int>

  /// - Parameter rowBytes: `inputs.type.rowBytes` of the chunks' inputs if nil.
  public init(
    _ inputs: MatrixInputs, chunks: Range<Int>, of layer: InputChunks, rowBytes: Int? = nil
  ) {
    self.inputs = inputs
    self.chunks = chunks
    self.rowBytes = rowBytes ?? inputs.type.rowBytes(columns: layer.inputs(of: chunks).count)
  }
}

/// Where sums of chunks stand: `[rows][stride]` Float64, and the rests that their rounding lost.
public struct ChunkSums {
  public let values: UnsafeMutablePointer<Double>
  /// Nil where they are not kept.
  public let rests: UnsafeMutablePointer<Double>?
  public let stride: Int

  public init(
    _ values: UnsafeMutablePointer<Double>, rests: UnsafeMutablePointer<Double>?, stride: Int
  ) {
    self.values = values
    self.rests = rests
    self.stride = stride
  }

  /// Adds a number to one of them.
  @inline(__always)
  func add(_ number: Double, at index: Int) {
    guard let rests else {
      values[index] += number
      return
    }
    let (sum, lost) = twoSum(values[index], number)
    values[index] = sum
    rests[index] += lost
  }

  /// Makes rows of so many of them empty sums.
  public func clear(rows: Int, columns: Int) {
    for row in 0..<rows {
      (values + row * stride).update(repeating: 0, count: columns)
      if let rests { (rests + row * stride).update(repeating: 0, count: columns) }
    }
  }

  /// Adds some of a row's to those of another one.
  func add(_ row: Int, columns: Range<Int>, to other: ChunkSums, _ otherRow: Int) {
    let (source, target) = (values + row * stride, other.values + otherRow * other.stride)
    guard let rests, let otherRests = other.rests else {
      for column in columns { target[column] += source[column] }
      return
    }
    let (rest, otherRest) = (rests + row * stride, otherRests + otherRow * other.stride)
    for column in columns {
      let (sum, lost) = twoSum(target[column], source[column])
      target[column] = sum
      otherRest[column] += rest[column] + lost
    }
  }

  /// Copies rows of so many of them.
  public func copy(rows: Int, columns: Int, to target: ChunkSums, row: Int = 0, column: Int = 0) {
    for index in 0..<rows {
      let (source, place) = (index * stride, (row + index) * target.stride + column)
      (target.values + place).update(from: values + source, count: columns)
      if let rests, let targets = target.rests {
        (targets + place).update(from: rests + source, count: columns)
      }
    }
  }

  /// `outputs[row]` = so many of them, each rounded once.
  public func round(
    rows: Int, columns: Int, to outputs: UnsafeMutablePointer<Float>, outputStride: Int? = nil
  ) {
    for row in 0..<rows {
      let target = outputs + row * (outputStride ?? columns)
      for column in 0..<columns { target[column] = rounded(row * stride + column) }
    }
  }

  /// One of them, rounded once.
  @inline(__always)
  public func rounded(_ index: Int) -> Float {
    guard let rests else { return Float(values[index]) }
    return Float(values[index] + rests[index])
  }
}

/// The sums of some rows and a panel of outputs at most, in a thread's scratch.
struct ChunkTile {
  /// `[rows][32]`
  private let sums: ChunkSums
  /// `[rows][32]`, or of one row `[chunks][32]` and `[chunks][4]`: chunks' sums before they are added.
  let chunkSums: UnsafeMutablePointer<Float>
  private let rows: Int

  init(_ memory: UnsafeMutableRawPointer, rows: Int, keepsRests: Bool) {
    let (panel, doubles) = (Int(RF_PANEL_COLUMNS), memory.assumingMemoryBound(to: Double.self))
    sums = ChunkSums(doubles, rests: keepsRests ? doubles + rows * panel : nil, stride: panel)
    chunkSums = UnsafeMutableRawPointer(doubles + 2 * rows * panel).assumingMemoryBound(
      to: Float.self)
    self.rows = rows
  }

  func clear(columns: Int) { sums.clear(rows: rows, columns: columns) }

  @inline(__always)
  func add(
    _ numbers: UnsafePointer<Float>, columns: Int, row: Int, column: Int = 0
  ) {
    let first = row * sums.stride + column
    guard sums.rests == nil else {
      for index in 0..<columns { sums.add(Double(numbers[index]), at: first + index) }
      return
    }
    let values = sums.values + first
    for index in 0..<columns { values[index] += Double(numbers[index]) }
  }

  func copy(columns: Int, to target: ChunkSums, row: Int, column: Int) {
    sums.copy(rows: rows, columns: columns, to: target, row: row, column: column)
  }

  func round(columns: Int, to outputs: UnsafeMutablePointer<Float>, stride: Int) {
    sums.round(rows: rows, columns: columns, to: outputs, outputStride: stride)
  }
}
