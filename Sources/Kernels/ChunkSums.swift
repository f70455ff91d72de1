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
  /// `[rows][32]`, or `[chunks][32]` of one row: a chunk's sums before they are added.
  let chunkSums: UnsafeMutablePointer<Float>
  private let rows: Int

  init(_ memory: UnsafeMutableRawPointer, rows: Int, keepsRests: Bool) {
    let (panel, doubles) = (Int(RF_PANEL_COLUMNS), memory.assumingMemoryBound(to: Double.self))
    sums = ChunkSums(doubles, rests: keepsRests ? doubles + rows * panel : nil, stride: panel)
    chunkSums = UnsafeMutableRawPointer(doubles + 2 * rows * panel).assumingMemoryBound(
      to: Float.self)
    self.rows = rows
  }

  func clear(columns: Int) {
    for row in 0..<rows {
      (sums.values + row * sums.stride).update(repeating: 0, count: columns)
      if let rests = sums.rests { (rests + row * sums.stride).update(repeating: 0, count: columns) }
    }
  }

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
    for index in 0..<rows {
      let (source, place) = (index * sums.stride, (row + index) * target.stride + column)
      (target.values + place).update(from: sums.values + source, count: columns)
      if let rests = sums.rests, let targets = target.rests {
        (targets + place).update(from: rests + source, count: columns)
      }
    }
  }

  func round(columns: Int, to outputs: UnsafeMutablePointer<Float>, stride: Int) {
    for row in 0..<rows {
      for column in 0..<columns {
        outputs[row * stride + column] = sums.rounded(row * sums.stride + column)
      }
    }
  }
}
