import Kernels
import MPI
import Ranks
import RingAttention

/// Tokens that follow those of a branch.
public struct AppendedTokens: Sendable {
  public let branch: Int
  /// One id at least.
  public let tokens: ArraySlice<Int32>
  /// Whether the logits of the last of them are wanted.
  public let wantsLogits: Bool

  public init(branch: Int, tokens: ArraySlice<Int32>, wantsLogits: Bool) {
    self.branch = branch
    self.tokens = tokens
    self.wantsLogits = wantsLogits
  }
}

/// The way of tokens that follow a context through all layers; every rank computes the same rows.
///
/// Made once for a prefilled context; a step of few tokens takes no memory.
public final class AppendPass {
  /// Most tokens of a prompt that are appended at once; a longer one goes in pieces of it.
  public static let tokensPerStep = 64

  /// Most tokens that are appended at once: a piece of a prompt, and one of every other branch.
  private static func capacity(branches: Int) -> Int { tokensPerStep + branches - 1 }

  /// The memory that it takes.
  struct Plan: Sendable {
    let capacity: Int
    fileprivate let ropes: [RoPE]
    fileprivate let attention: AppendAttention.Plan
    /// `[capacity][hiddenSize]` float32.
    fileprivate let stream: BufferPlan.Slot<Float>
    fileprivate let layer: LayerBuffers.Plan
    /// The most rows of a product: of experts, a token has several.
    private let mostRows: Int
    /// The most rows times outputs of one group of layers.
    fileprivate let widestProduct: Int
    /// The most of one whose outputs are sums over hosts, and bytes of a part of such a sum.
    fileprivate let sums: (elements: Int, bytes: Int)
    fileprivate let rotations: [RoPETable.Plan]
    /// `[layers][blockBytes of the layer]`: the context's last block where it is partly filled, else
    /// nothing.
    fileprivate let tail: BufferPlan.Slot<UInt8>
    /// `[branches][hiddenSize]` float32; nothing where branches have no contexts of their own.
    fileprivate let ends: BufferPlan.Slot<Float>
    fileprivate let buffers: BufferPlan

    init(
      _ configuration: ModelConfiguration, _ arithmetic: Arithmetic,
      _ sequence: SequenceDescription, ropes: [RoPE], layout: CacheLayout
    ) {
      let capacity = AppendPass.capacity(branches: sequence.branches)
      self.capacity = capacity
      self.ropes = ropes
      attention = AppendAttention.Plan(
        arithmetic: arithmetic, layout: layout, capacity: capacity)
      var plan = BufferPlan()
      stream = plan.add(capacity, configuration.hiddenSize)
      layer = LayerBuffers.Plan(
        configuration, arithmetic, rows: capacity, rowsAtOnce: capacity, expertTokens: capacity,
        addsInPlace: false, in: &plan)
      mostRows = configuration.mostProductRows(tokens: capacity)
      // Of one layer for as many tokens as are appended at once, or of the head for one of each
      // branch.
      widestProduct = max(
        configuration.widestProduct(tokens: capacity),
        sequence.branches * configuration.vocabulary.size)
      sums = (capacity * configuration.hiddenSize, arithmetic.keepsRests ? 16 : 8)
      rotations = ropes.map { RoPETable.Plan($0, capacity: capacity, in: &plan) }
      let tailBlocks = sequence.contextTokens % tokensPerBlock == 0 ? 0 : 1
      tail = plan.add(tailBlocks, layout.blockBytes)
      ends = plan.add(
        sequence.longestOwnContext > 0 ? sequence.branches : 0, configuration.hiddenSize)
      buffers = plan
    }

    var bytes: Int {
      // As if one rank computed for all, and two for each other; where all do, it is less.
      return buffers.bytes + attention.bytes
        + HostExchange.bytesPerRank(giving: max(attention.bytesGiven, given(ranks: 1)))
        + HostExchange.bytesPerRank(giving: given(ranks: 2))
    }

    /// - Parameter ranks: that compute, on the host that has least.
    fileprivate func given(ranks: Int) -> Int {
      DividedLinear.bytesGiven(elements: widestProduct, sums: sums, rows: mostRows, ranks: ranks)
    }
  }

  let context: DecoderContext
  private let head: LogitsHead
  /// Among all ranks, and among those that compute where others do not.
  private let allExchanges: [HostExchange]
  let execution: AppendExecution
  /// Nil where nobody asks what tokens attend to.
  let trace: AttentionTrace?
  /// Where no rank has the whole embedding.
  private let embeddingRows: DividedRows?
  /// `[branches]`: tokens appended to each.
  var appendedTokens: [Int]
  /// `[branches]`: the first of these, which are a context of the branch's own.
  var ownContextTokens: [Int]
  /// `[branches][hiddenSize]` float32: the last position of each branch's own context.
  let ends: UnsafeMutablePointer<Float>
  /// `[capacity][hiddenSize]` float32.
  let stream: UnsafeMutablePointer<Float>
  /// The context's last block, `[layers][blockBytes of the layer]`; nil where it is full.
  private let tail: UnsafeMutableRawBufferPointer?
  private let memory: Buffers

  /// Brings the context's last block to every rank where it is partly filled: a collective.
  ///
  /// - Parameter division: of linear layers among hosts that have all weights.
  /// - Throws: `MPIError`, `SharedMemoryError`.
  public init(
    _ context: DecoderContext, division: DividedLinear.Division = .bySizes
  ) throws {
    precondition(context.isPrefilled, "a context is prefilled before anything is appended")
    let plan = context.plan.append
    self.context = context
    appendedTokens = [Int](repeating: 0, count: context.branches.branches)
    ownContextTokens = appendedTokens
    memory = Buffers(plan.buffers)
    ends = memory[plan.ends]
    stream = memory[plan.stream]
    let buffers = LayerBuffers(plan.layer, in: memory)
    let communicator = context.communicator
    let computing = try ComputingRanks(communicator, threads: context.team.threads)
    let hidden = context.configuration.hiddenSize
    let isDivided = context.weights.passing != nil
    let division = isDivided ? .alwaysByRows : division
    let given = max(
      plan.given(ranks: computing.leastOnHost),
      isDivided ? plan.capacity * hidden * MemoryLayout<Float>.stride : 0)
    let exchange = try HostExchange(
      communicator, bytes: max(plan.attention.bytesGiven, given),
      bytesAlone: max(plan.attention.bytesGiven, plan.given(ranks: 1), given),
      haveCores: computing.communicator != nil, host: computing.host)
    let linear = DividedLinear(
      arithmetic: context.arithmetic, exchange: exchange, computing: computing.numbers,
      division: division)
    embeddingRows = isDivided ? try DividedRows(linear, columns: hidden) : nil
    var inner: DividedLinear? = linear
    var allExchanges = [exchange]
    if computing.numbers.count < communicator.size {
      inner = try computing.communicator.map {
        // Who computes alone gives nobody anything.
        let exchange = try HostExchange(
          $0, bytes: $0.size == 1 ? 0 : given, bytesAlone: plan.given(ranks: 1), haveCores: true,
          host: computing.computingOfHost)
        allExchanges.append(exchange)
        return DividedLinear(
          arithmetic: context.arithmetic, exchange: exchange, division: division)
      }
    }
    self.allExchanges = allExchanges
    head = LogitsHead(context.weights)
    trace = context.plan.trace.map {
      AttentionTrace(
        $0, arithmetic: context.arithmetic, context: context.cache, branches: context.branches)
    }
    execution = AppendExecution(
      context, buffers: buffers, linear: (ofAll: linear, inner: inner),
      rotations: zip(plan.ropes, plan.rotations).map { [memory] in RoPETable($0, $1, in: memory) },
      attention: try AppendAttention(
        plan.attention, exchange: exchange, arithmetic: context.arithmetic,
        context: context.cache, branches: context.branches, trace: trace))
    tail =
      plan.tail.count == 0
      ? nil
      : UnsafeMutableRawBufferPointer(start: memory[raw: plan.tail], count: plan.tail.count)
    try shareTail()
  }

  /// What attention of the tokens appended so far has cost this rank.
  public var work: AttentionWork {
    var work = execution.work
    work += promptWork
    return work
  }
  /// Of what was prefilled in branches, with the weights that passed meanwhile, and copied among them.
  var promptWork = AttentionWork()

  /// Bytes that this rank has sent to others: softmax states and shares of linear layers.
  public var bytesSent: Int { work.bytesSent + execution.linearBytesSent }

  /// How often this rank has exchanged something with others.
  public var exchanges: Int { allExchanges.reduce(0) { $0 + $1.exchanges } }

  /// How many of these exchanges were among hosts, and the bytes that this rank has sent to other hosts.
  public var exchangesAmongHosts: Int { allExchanges.reduce(0) { $0 + $1.exchangesAmongHosts } }
  public var bytesAmongHosts: Int { allExchanges.reduce(0) { $0 + $1.bytesAmongHosts } }

  /// Bytes of weights that all ranks together read for one token that runs alone, the head included.
  public static func weightBytesPerToken(_ weights: ModelWeights) -> Int {
    weights.layers.reduce(weights.head.bytes) { $0 + $1.bytesPerToken }
  }

  /// FLOPs of all ranks' linear layers for one appended token, the head included.
  public static func linearFlopsPerToken(_ weights: ModelWeights) -> Double {
    weights.layers.reduce(weights.head.flops) { $0 + $1.flopsPerToken }
  }

  private func shareTail() throws {
    guard let tail else { return }
    let (cache, communicator) = (context.cache, context.communicator)
    let block = context.branches.firstBlock
    let owner = context.partition.owner(of: block)!
    if owner == communicator.rank {
      let index = cache.blocks.firstIndex(of: block)!
      for (layer, layout) in cache.layout.layers.enumerated() {
        (tail.baseAddress! + cache.layout.blockBytes(before: layer)).copyMemory(
          from: cache.head(0, layer: layer, index: index), byteCount: layout.blockBytes)
      }
    }
    try communicator.broadcast(bytes: tail, from: owner)
  }

  /// Empties a branch: what is appended to it next follows the context. Every rank calls this.
  public func beginBranch(_ branch: Int) {
    appendedTokens[branch] = 0
    ownContextTokens[branch] = 0
    context.branches.begin(branch, tail: tail.map { UnsafeRawPointer($0.baseAddress!) })
  }

  /// Runs tokens that follow those in their branches through all layers.
  ///
  /// A token's result has the same bits whatever is appended at once with it.
  ///
  /// - Parameters:
  ///   - pieces: the same on every rank; one a branch at most, in all no more than 64 tokens and one
  ///     for every branch but one.
  ///   - logits: takes `[pieces that want logits][vocabulary.size]`.
  /// - Throws: `MPIError`.
  public func append(
    _ pieces: [AppendedTokens], logits: UnsafeMutablePointer<Float>
  ) throws {
    try arrange(pieces)
    traceLast(of: pieces)
    try runLayers()
    for piece in pieces { appendedTokens[piece.branch] += piece.tokens.count }
    try computeLogits(ofLastIn: pieces, into: logits)
  }

  /// Runs the rows at hand through all layers.
  func runLayers() throws {
    for layer in context.layers {
      _ = try WorkLocation.within("layer", layer.index + 1) { try layer.run(by: execution) }
    }
  }

  /// Places the tokens one after the other: their positions, rotations and embeddings.
  private func arrange(_ pieces: [AppendedTokens]) throws {
    let sequence = context.plan.sequence
    let hidden = context.configuration.hiddenSize
    execution.removeAllRows(stream: stream)
    for piece in pieces {
      let position = sequence.contextTokens + appendedTokens[piece.branch]
      let last = position + piece.tokens.count - 1
      precondition(
        last < sequence.contextTokens + sequence.maximumAppended, "no more tokens than announced")
      context.branches.use(piece.branch, upTo: last / tokensPerBlock)
      try embed(piece.tokens, into: stream + execution.rowCount * hidden)
      execution.addRows(branch: piece.branch, positions: position..<last + 1)
    }
  }

  /// - Parameter rows: takes `[tokens][hiddenSize]`.
  func embed(_ tokens: ArraySlice<Int32>, into rows: UnsafeMutablePointer<Float>) throws {
    let embedding = context.weights.embedding
    guard let embeddingRows else {
      for (index, token) in tokens.enumerated() {
        context.embed(
          token, of: embedding, into: rows + index * context.configuration.hiddenSize)
      }
      return
    }
    try embeddingRows.gather(tokens, of: embedding.outputs, into: rows) {
      context.embed($0, of: embedding, into: $1)
    }
  }

  /// The logits of each piece's last token, where they are wanted.
  private func computeLogits(
    ofLastIn pieces: [AppendedTokens], into logits: UnsafeMutablePointer<Float>
  ) throws {
    let hidden = context.configuration.hiddenSize
    var wanted = 0
    for (piece, tokens) in zip(pieces, execution.tokens) where piece.wantsLogits {
      // What is written lies before what is still to be read.
      (stream + wanted * hidden).update(
        from: stream + (tokens.range.upperBound - 1) * hidden, count: hidden)
      wanted += 1
    }
    guard wanted > 0 else { return }
    try multiplyByHead(rows: wanted, into: logits)
  }

  /// The logits of the context's last position, `[vocabulary.size]`, on every rank.
  ///
  /// - Throws: `MPIError`.
  public func lastContextLogits(into logits: UnsafeMutablePointer<Float>) throws {
    try computeLogits(ofLastPositionOf: context, into: logits)
  }

  /// The same of a context that is prefilled, this one or one that has a prompt behind it.
  func computeLogits(
    ofLastPositionOf context: DecoderContext, into logits: UnsafeMutablePointer<Float>
  ) throws {
    try shareLastPosition(of: context, into: stream)
    try multiplyByHead(rows: 1, into: logits)
  }

  /// Brings the last position's hidden state to every rank.
  ///
  /// - Parameter row: takes `[hiddenSize]`.
  func shareLastPosition(
    of context: DecoderContext, into row: UnsafeMutablePointer<Float>
  ) throws {
    let hidden = context.configuration.hiddenSize
    let owner = context.ownerOfLastPosition
    if owner == context.communicator.rank {
      row.update(from: context.stream.row(context.share.tokenCount - 1), count: hidden)
    }
    try context.communicator.broadcast(
      bytes: UnsafeMutableRawBufferPointer(
        start: row, count: hidden * MemoryLayout<Float>.stride), from: owner)
  }

  /// The logits of the first rows of the stream.
  func multiplyByHead(rows: Int, into logits: UnsafeMutablePointer<Float>) throws {
    try context.withSpan("logits") {
      try head.multiply(
        stream, rows: rows, normed: execution.buffers.normed, by: execution.linear, into: logits,
        context.arithmetic)
    }
  }
}
