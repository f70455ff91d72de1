import Kernels
import MPI
import RingAttention

/// Weights that pass from host to host in a prefill, because each holds only a part.
public final class PassingWeights: Sendable {
  /// Of the model: matrices of layers where each will be in the room when it has come, the others where
  /// this host's rows are.
  let whole: ModelWeights
  private let memory: WeightMemory
  private let layers: [WeightStage]
  /// Rows of the embedding that pass at once.
  private let embedding: [(rows: Range<Int>, stage: WeightStage)]
  private let head: WeightStage

  /// - Parameters:
  ///   - layers: `[layers]`
  ///   - embedding: ascending rows.
  ///   - head: alone.
  public init(
    memory: WeightMemory, layers: [WeightStage],
    embedding: [(rows: Range<Int>, stage: WeightStage)],
    head: WeightStage, whole: ModelWeights
  ) {
    self.memory = memory
    self.layers = layers
    self.embedding = embedding
    self.head = head
    self.whole = whole
  }

  /// Bytes that all hosts together have of what passes in a prefill.
  var bytes: Int { (layers + embedding.map(\.stage)).reduce(0) { $0 + $1.bytes } }

  /// One prefill's way through the weights.
  struct Pass {
    private let weights: PassingWeights
    private let exchange: WeightExchange
    private let communicator: Communicator
    private let firstLayer: Int
    private let embeddingStages: Int

    /// A collective.
    ///
    /// - Parameter firstLayer: with 0, the embedding passes before.
    /// - Throws: `MPIError`.
    init(_ weights: PassingWeights, firstLayer: Int, communicator: Communicator) throws {
      self.weights = weights
      self.communicator = communicator
      self.firstLayer = firstLayer
      let embedding = firstLayer == 0 ? weights.embedding.map(\.stage) : []
      embeddingStages = embedding.count
      exchange = try WeightExchange(
        weights.memory, stages: embedding + weights.layers[firstLayer...],
        communicator: communicator)
    }

    var exposedSeconds: Double { exchange.exposedSeconds }
    var bytesSent: Int { exchange.bytesSent }

    /// Has messages move while this rank computes or waits, as long as `body` runs.
    func withMessagesMoving<Result>(
      _ team: ThreadTeam, _ body: () throws -> Result
    ) rethrows -> Result {
      let (tick, work) = (communicator.whileWaiting, team.whileWorking)
      defer { (communicator.whileWaiting, team.whileWorking) = (tick, work) }
      communicator.whileWaiting = { [exchange] in
        tick?()
        exchange.poll()
      }
      team.whileWorking = { [communicator] in communicator.tick() }
      return try body()
    }

    /// Waits for the embedding, some rows at a time.
    ///
    /// - Parameter body: told which rows are there, and the matrix, of which only these may be read.
    /// - Returns: false where `stop` gives it up.
    /// - Throws: `MPIError`.
    func forEachPartOfEmbedding(
      _ stop: PrefillStop, _ body: (_ rows: Range<Int>, _ matrix: WeightMatrix) -> Void
    ) throws -> Bool {
      for (index, part) in weights.embedding.enumerated() {
        guard try exchange.awaitStage(index, stop) else { return false }
        let matrix = weights.whole.embedding
        body(
          part.rows,
          matrix.lying(
            at: weights.memory.half(part.stage.half) - part.rows.lowerBound * matrix.rowBytes,
            owner: weights.memory.owner))
      }
      return true
    }

    /// Waits for a layer's weights; those of the layer before are not read any more.
    ///
    /// - Returns: false where `stop` gives the layer up.
    /// - Throws: `MPIError`.
    func awaitLayer(_ layer: Int, _ stop: PrefillStop) throws -> Bool {
      try exchange.awaitStage(embeddingStages + layer - firstLayer, stop)
    }

    /// Ends it, at whichever layer; every rank calls this.
    ///
    /// - Throws: `MPIError`.
    func finish() throws { try exchange.finish() }
  }

  /// By a few messages, of which the first ones only make the connections.
  func secondsToPass(_ communicator: Communicator) throws -> Double {
    let sample = layers[0].beginning(bytesOfHost: 1 << 20)
    var seconds = 0.0
    for _ in 0..<2 {
      let exchange = try WeightExchange(memory, stages: [sample], communicator: communicator)
      let began = ContinuousClock.now
      _ = try exchange.awaitStage(0)
      seconds = (ContinuousClock.now - began).seconds
      try exchange.finish()
    }
    let slowest = Double(
      try communicator.allReduce(value: Int(seconds * 1e9), .maximum))
    return slowest / 1e9 * Double(bytes) / Double(max(1, sample.bytes))
  }

  /// Brings the whole head of the vocabulary to every host, where the layers were: a collective.
  ///
  /// - Throws: `MPIError`.
  func gatherHead(_ communicator: Communicator) throws -> WeightMatrix {
    let exchange = try WeightExchange(memory, stages: [head], communicator: communicator)
    _ = try exchange.awaitStage(0)
    try exchange.finish()
    return whole.head.lying(at: memory.half(0), owner: memory.owner)
  }
}
