import RingAttention

// What a token of an answer attends to is what the row attends to from whose logits it is chosen.

extension AppendPass {
  /// Has the next step trace the rows that give logits.
  func traceLast(of pieces: [AppendedTokens]) {
    guard let trace else { return }
    var rows: [AttentionTrace.Row] = []
    for (piece, tokens) in zip(pieces, execution.tokens) where piece.wantsLogits {
      rows.append(
        AttentionTrace.Row(
          token: tokens.range.upperBound - 1, branch: piece.branch,
          position: tokens.position + tokens.range.count - 1))
    }
    trace.begin(rows)
  }

  /// What the rows that gave logits in the last step attended to, in their order; none where the
  /// sequence does not trace attention. Every rank calls this, after a step and before the next one.
  ///
  /// - Returns: on rank 0 `[rows][ContextPassages.count]`; elsewhere none.
  /// - Throws: `MPIError`.
  public func passageScores() throws -> [[PassageScore]] {
    try trace?.scores(context.layers.map(\.attention), context.communicator) ?? []
  }

  /// The same of a row that was prefilled: the last one of the branch, or, where that has begun and holds
  /// nothing yet, of the context. It runs once more for what it attends to alone. Every rank calls this.
  ///
  /// - Parameter token: the row's.
  /// - Returns: as above, of one row.
  /// - Throws: `MPIError`.
  public func lastPassageScores(_ token: Int32, branch: Int) throws -> [[PassageScore]] {
    guard let trace else { return [] }
    let position = context.contextTokens + appendedTokens[branch] - 1
    execution.removeAllRows(stream: stream)
    try embed([token], into: stream)
    execution.addRows(branch: branch, positions: position..<position + 1, storing: false)
    trace.begin([AttentionTrace.Row(token: 0, branch: branch, position: position)])
    try runLayers()
    return try passageScores()
  }
}
