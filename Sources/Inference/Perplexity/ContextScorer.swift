import Kernels
import MPI
import RingAttention
import Transformer

/// Scores how well a model predicts a context. Every rank scores the positions that it owns, whose logits
/// nobody else sees; what it finds goes to rank 0.
public struct ContextScorer {
  private let session: Session
  private let tokens: [Int32]
  private let reference: ReferenceLogits?
  /// The positions whose predictions count.
  public let positions: Range<Int>

  /// - Parameters:
  ///   - session: its context prefilled by this job.
  ///   - tokens: all of the context's, on every rank.
  ///   - skipped: so many predictions at the beginning do not count; fewer than there are.
  ///   - reference: of the same context, checked.
  public init(
    _ session: Session, _ tokens: [Int32], skipped: Int = 0, reference: ReferenceLogits? = nil
  ) {
    precondition(skipped >= 0 && skipped + 1 < tokens.count, "one prediction counts at least")
    self.session = session
    self.tokens = tokens
    self.reference = reference
    positions = skipped..<tokens.count - 1
  }

  /// Bytes that a rank of so many threads needs for it beside the context's logits.
  ///
  /// - Parameter tokens: the context's, whose scores come together on rank 0.
  public static func bytes(
    vocabulary: Int, threads: Int, hasReference: Bool, tokens: Int, isRoot: Bool
  ) -> Int {
    // As they are gathered, in order, and as the numbers of which figures are made.
    let gathered = 2 * MemoryLayout<PredictionScore>.stride + 8 * MemoryLayout<Double>.stride
    return (hasReference ? vocabulary * threads * MemoryLayout<Float>.stride : 0)
      + (isRoot ? tokens * gathered : 0)
  }

  /// This rank's positions that count, of each block that has some.
  public var ownPositions: [Range<Int>] {
    session.context.ownContextBlocks.map { session.positions(ofBlock: $0).clamped(to: positions) }
      .filter { !$0.isEmpty }
  }

  /// The scores of all `positions` in their order, on rank 0; nil on the others. Every rank calls this.
  ///
  /// - Parameter onBlock: told after each block of this rank.
  /// - Throws: `MPIError`.
  public func scores(onBlock: () -> Void = {}) throws -> [PredictionScore]? {
    let gathered = try session.communicator.gather(array: ownScores(onBlock: onBlock), to: 0)
    return gathered.map(inOrder)
  }

  private func ownScores(onBlock: () -> Void) throws -> [PredictionScore] {
    let vocabulary = session.model.configuration.vocabulary.size
    let team = session.context.team
    let communicator = session.communicator
    let referenceRows = AlignedBuffer<Float>(
      count: reference == nil ? 0 : vocabulary * team.threads)
    let room = referenceRows.pointer
    var scores: [PredictionScore] = []
    try session.forEachOwnContextLogits(in: positions) { positions, logits in
      communicator.tick()
      scores += [PredictionScore](unsafeUninitializedCapacity: positions.count) { block, count in
        let block = block.baseAddress!
        team.forEach(positions.count, betweenItems: { communicator.tick() }) { row, thread in
          let position = positions.lowerBound + row
          let referenceRow = reference.map { reference in
            let row = room + thread * vocabulary
            reference.read(position: position, into: row)
            return UnsafeBufferPointer(start: UnsafePointer(row), count: vocabulary)
          }
          (block + row).initialize(
            to: PredictionScore(
              of: Int(tokens[position + 1]),
              logits: UnsafeBufferPointer(
                rebasing: logits[row * vocabulary..<(row + 1) * vocabulary]),
              reference: referenceRow))
        }
        count = positions.count
      }
      onBlock()
    }
    return scores
  }

  /// - Parameter ranks: of each rank its own, block after block.
  private func inOrder(_ ranks: [[PredictionScore]]) -> [PredictionScore] {
    var taken = [Int](repeating: 0, count: ranks.count)
    var scores: [PredictionScore] = []
    scores.reserveCapacity(positions.count)
    for block in 0..<blockCount(tokens: tokens.count) {
      let owner = session.context.partition.owner(of: block)!
      let count = session.positions(ofBlock: block).clamped(to: positions).count
      scores += ranks[owner][taken[owner]..<taken[owner] + count]
      taken[owner] += count
    }
    return scores
  }
}
