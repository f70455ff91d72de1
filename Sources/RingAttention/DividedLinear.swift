import Kernels
import Ranks

/// Linear layers of the appending path, divided over the ranks by output rows: P ranks read each
/// weight once between them. Every output is one whole dot product, so the division does not show in
/// the result.
public final class DividedLinear {
  /// The most bytes that a rank gives the others at a time.
  ///
  /// - Parameters:
  ///   - elements: the most rows times outputs of one group of layers.
  ///   - rows: the most rows.
  public static func bytesGiven(elements: Int, rows: Int, ranks: Int) -> Int {
    (elements / ranks + rows) * MemoryLayout<Float>.stride
  }

  private let arithmetic: Arithmetic
  let exchange: HostExchange
  /// Whether every layer is divided, because no host has the weights of all outputs.
  private let dividesAll: Bool
  /// How many ranks compute, of those that exchange; all of these know what comes of it.
  private let computing: Int
  /// By rank: its number among those that compute; nil where it computes nothing.
  private let numbers: [Int?]
  private var ownNumber: Int? { numbers[exchange.communicator.rank] }
  /// By the number of rows and of all outputs: made once, so that a decode step allocates nothing.
  private var gathers: [Shape: HostExchange.GatherPlan] = [:]
  public private(set) var bytesSent = 0

  private struct Shape: Hashable {
    let rows: Int
    let outputs: Int
  }

  /// - Parameters:
  ///   - exchange: of `bytesGiven` bytes at least.
  ///   - computing: the ranks that compute, in the order in which they share out outputs; all if nil.
  ///   - dividesAll: whether each layer is divided, also where that costs more than it saves.
  public init(
    arithmetic: Arithmetic, exchange: HostExchange, computing: [Int]? = nil,
    dividesAll: Bool = false
  ) {
    self.arithmetic = arithmetic
    self.exchange = exchange
    self.dividesAll = dividesAll
    let ranks = 0..<exchange.communicator.size
    let computing = computing ?? Array(ranks)
    self.computing = computing.count
    numbers = ranks.map { computing.firstIndex(of: $0) }
  }

  /// Whether the ranks save more time by each reading its part of the weights than the gathering of
  /// the parts costs: some 50 µs among hosts, in which a core reads about a megabyte, and 3 µs within
  /// one.
  package static func isWorthDividing(bytes: Int, ranks: Int, hasOneHost: Bool) -> Bool {
    ranks > 1 && bytes - bytes / ranks > (hasOneHost ? 1 << 16 : 1 << 19)
  }

  /// Ranks that compute nothing are brought what the others do.
  private func isDivided(_ bytes: Int) -> Bool {
    dividesAll && computing > 1 || computing < exchange.communicator.size
      || Self.isWorthDividing(bytes: bytes, ranks: computing, hasOneHost: exchange.hasOneHost)
  }

  /// The outputs that a rank computes of a group that is divided: by its number among those that
  /// compute.
  private func share(of number: Int?, outputs: Int) -> Range<Int> {
    guard let number else { return 0..<0 }
    return WeightDivision.share(of: number..<number + 1, among: computing, outputs: outputs)
  }

  /// What this rank computes of so many outputs that are divided.
  func ownShare(outputs: Int) -> Range<Int> { share(of: ownNumber, outputs: outputs) }

  /// `output[row] = ` all outputs of the group, one after the other.
  ///
  /// - Parameters:
  ///   - inputs: `[rows]` of the group's type, the same on every rank.
  ///   - output: `[rows][group.outputs]` float32, the same on every rank afterwards.
  /// - Throws: `MPIError`.
  public func multiply(
    _ group: LinearGroup, inputs: MatrixInputs, rows: Int,
    into output: UnsafeMutablePointer<Float>
  ) throws {
    let outputs = group.outputs
    guard isDivided(group.bytes) else {
      arithmetic.multiplyRows(
        group, range: 0..<outputs, inputs: inputs, rows: rows, outputs: output,
        outputStride: outputs)
      return
    }
    try gather(outputs: outputs, rows: rows, into: output) { own, part in
      arithmetic.multiplyRows(
        group, range: own, inputs: inputs, rows: rows, outputs: part, outputStride: own.count)
    }
  }

  /// `output[row] = ` all outputs of the row's expert, one after the other.
  ///
  /// - Parameters:
  ///   - experts: of equal shapes.
  ///   - inputs: `[rows.count]` of the experts' type, the same on every rank.
  ///   - output: `[rows.count][outputs of an expert]` float32, the same on every rank afterwards.
  /// - Throws: `MPIError`.
  public func multiply(
    _ experts: [LinearGroup], rows: ExpertRows, inputs: MatrixInputs,
    into output: UnsafeMutablePointer<Float>
  ) throws {
    let outputs = experts[0].outputs
    guard isDivided(rows.bytes(of: experts)) else {
      arithmetic.multiplyRows(
        experts, rows: rows, range: 0..<outputs, inputs: inputs, outputs: output)
      return
    }
    try gather(outputs: outputs, rows: rows.count, into: output) { own, part in
      arithmetic.multiplyRows(experts, rows: rows, range: own, inputs: inputs, outputs: part)
    }
  }

  /// Adds to each token what its rows' experts give, times their weights, in the order of the rows: each
  /// rank sums its own outputs, and only sums are gathered.
  ///
  /// - Parameters:
  ///   - inputs: `[rows.count]` of the experts' type, the same on every rank.
  ///   - stream: `[tokens][outputs of an expert]` float32, the same on every rank before and afterwards.
  ///   - scratch: `[rows.count][outputs of an expert]`
  /// - Throws: `MPIError`.
  public func add(
    _ experts: [LinearGroup], rows: ExpertRows, inputs: MatrixInputs,
    to stream: UnsafeMutablePointer<Float>, tokens: Int, scratch: UnsafeMutablePointer<Float>
  ) throws {
    let outputs = experts[0].outputs
    guard isDivided(rows.bytes(of: experts)) else {
      arithmetic.multiplyRows(
        experts, rows: rows, range: 0..<outputs, inputs: inputs, outputs: scratch)
      arithmetic.add(scratch, rows: rows, columns: outputs, to: stream)
      return
    }
    try gather(outputs: outputs, rows: tokens, into: stream) { own, sums in
      arithmetic.multiplyRows(experts, rows: rows, range: own, inputs: inputs, outputs: scratch)
      for token in 0..<tokens {
        (sums + token * own.count).update(
          from: stream + token * outputs + own.lowerBound, count: own.count)
      }
      arithmetic.add(scratch, rows: rows, columns: own.count, to: sums)
    }
  }

  /// Brings all ranks' parts to every rank, each to its place.
  ///
  /// - Parameter compute: writes this rank's outputs, `[rows][own]`, to `part`.
  private func gather(
    outputs: Int, rows: Int, into output: UnsafeMutablePointer<Float>,
    _ compute: (_ own: Range<Int>, _ part: UnsafeMutablePointer<Float>) -> Void
  ) throws {
    // Checks that there is room before anything is written.
    let plan = try gatherPlan(rows: rows, outputs: outputs)
    let own = share(of: ownNumber, outputs: outputs)
    compute(own, exchange.part.assumingMemoryBound(to: Float.self))
    try exchange.gather(plan) { rank, part in
      let range = share(of: numbers[rank], outputs: outputs)
      var read = part.assumingMemoryBound(to: Float.self)
      for row in 0..<rows {
        (output + row * outputs + range.lowerBound).update(from: read, count: range.count)
        read += range.count
      }
    }
    bytesSent += rows * own.count * MemoryLayout<Float>.stride
  }

  private func gatherPlan(rows: Int, outputs: Int) throws -> HostExchange.GatherPlan {
    let shape = Shape(rows: rows, outputs: outputs)
    if let known = gathers[shape] { return known }
    let made = try exchange.gatherPlan(
      bytes: (0..<exchange.communicator.size).map {
        rows * share(of: numbers[$0], outputs: outputs).count * MemoryLayout<Float>.stride
      })
    gathers[shape] = made
    return made
  }
}
