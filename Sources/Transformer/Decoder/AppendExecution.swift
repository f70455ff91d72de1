import Kernels
import MPI
import RingAttention

/// How a layer runs for appended tokens: the same few rows on every rank, linear layers divided by
/// output rows, attention by the blocks that each rank owns. Nothing gives a layer up.
final class AppendExecution: LayerExecution {
  let arithmetic: Arithmetic
  let buffers: LayerBuffers
  private(set) var queryLayout: QueryLayout
  private(set) var rotations: [RoPETable]
  let linear: DividedLinear
  /// Whose rows there are at present.
  private(set) var tokens: [BranchTokens] = []
  private(set) var work = AttentionWork()

  private let context: DecoderContext
  private let attention: AppendAttention
  private let shape: AttentionShape
  /// `[rows][hiddenSize]` float32.
  private var stream: UnsafeMutablePointer<Float>?
  /// `[rows]`: where each of them is.
  private var places: [(branch: Int, position: Int)] = []

  init(
    _ context: DecoderContext, buffers: LayerBuffers, linear: DividedLinear,
    rotations: [RoPETable], attention: AppendAttention
  ) {
    self.context = context
    self.buffers = buffers
    self.linear = linear
    self.rotations = rotations
    self.attention = attention
    arithmetic = context.arithmetic
    shape = context.configuration.attention.shape
    queryLayout = arithmetic.queryLayout(shape, tokens: 0)
  }

  // MARK: - The rows at hand

  var rowCount: Int { places.count }

  /// Begins with other rows.
  func removeAllRows(stream: UnsafeMutablePointer<Float>) {
    self.stream = stream
    tokens.removeAll(keepingCapacity: true)
    places.removeAll(keepingCapacity: true)
    for index in rotations.indices { rotations[index].removeAll() }
  }

  /// Adds the rows of neighbouring tokens of a branch.
  func addRows(branch: Int, positions: Range<Int>) {
    tokens.append(
      BranchTokens(
        branch: branch, range: rowCount..<rowCount + positions.count,
        position: positions.lowerBound))
    for index in rotations.indices {
      rotations[index].append(positions: positions, contextTokens: context.contextTokens)
    }
    for position in positions { places.append((branch: branch, position: position)) }
    queryLayout = arithmetic.queryLayout(shape, tokens: rowCount)
  }

  // MARK: - How the parts of a layer run

  func forEachRows(
    in part: LayerPart, _ body: (_ rows: StreamRows) throws -> Bool
  ) throws -> Bool {
    try body(StreamRows(first: 0, count: rowCount, stream: stream!))
  }

  func multiply(
    _ group: LinearGroup, inputs: MatrixInputs, rows: Int,
    into outputs: UnsafeMutablePointer<Float>
  ) throws -> Bool {
    try linear.multiply(group, inputs: inputs, rows: rows, into: outputs)
    return true
  }

  func add(
    _ group: LinearGroup, of inputs: MatrixInputs, norm: [Float], to rows: StreamRows
  ) throws -> Bool {
    let (columns, contribution, stream) = (group.outputs, buffers.contribution, rows.stream)
    try linear.multiply(group, inputs: inputs, rows: rows.count, into: contribution)
    guard !norm.isEmpty else {
      for index in 0..<rows.count * columns { stream[index] += contribution[index] }
      return true
    }
    arithmetic.addRMSNorm(
      contribution, rows: rows.count, columns: columns, weight: norm,
      epsilon: Float(context.configuration.normalization.epsilon), to: stream)
    return true
  }

  func place(ofRow row: Int, layer: Int) -> KeyValuePlace {
    let (branch, position) = places[row]
    let block = position / tokensPerBlock
    let branches = context.branches
    return KeyValuePlace(
      block: branches.owns(branch, block: block)
        ? branches.head(0, layer: layer, branch: branch, block: block) : nil,
      token: position % tokensPerBlock)
  }

  func attend(layer: Int, pattern: AttentionPattern) throws -> Bool {
    try context.withSpan("attention") {
      work += try attention.attend(
        layer: layer, pattern: pattern, queries: buffers.queries, tokens: tokens,
        output: buffers.attended)
    }
    return true
  }
}
