/// The merges of a SentencePiece vocabulary, which has scores in their place: of all neighbours that
/// are a piece together, those that make the piece with the highest score are merged first, of equals
/// the leftmost (Kudo and Richardson, https://arxiv.org/abs/1808.06226).
///
/// So every way to cut a piece into two tokens is a merge, and its rank is that of the piece's score.
struct PieceMerges {
  private let vocabulary: CheckedVocabulary
  /// For each token the place of its score among all, the highest first.
  private let ranks: [Int32]

  /// Throws `TokenizerError.malformed` for scores that are missing or no numbers.
  init(_ vocabulary: CheckedVocabulary) throws {
    self.vocabulary = vocabulary
    guard let scores = vocabulary.file.scores else {
      throw vocabulary.file.malformed("\"tokenizer.ggml.scores\" is missing")
    }
    if let id = scores.firstIndex(where: \.isNaN) {
      throw vocabulary.file.malformed("the score of token \(id) is not a number")
    }
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    var ranks = [Int32](repeating: 0, count: scores.count)
    for (previous, id) in zip(order, order.dropFirst()) {
      ranks[id] = ranks[previous] + (scores[id] < scores[previous] ? 1 : 0)
    }
    self.ranks = ranks
  }

  func merges() -> [Merge] {
    var merges: [Merge] = []
    merges.reserveCapacity(3 * ranks.count)
    for (id, token) in vocabulary.file.tokens.enumerated() where isPiece(Int32(id)) {
      token.withUnsafeBufferPointer { bytes in
        var cut = UTF8Scan.length(ofValidLead: bytes[0])
        while cut < bytes.count {
          let left = vocabulary.index.identifier(of: .init(rebasing: bytes[..<cut]))
          if let left, isPiece(left),
            let right = vocabulary.index.identifier(of: .init(rebasing: bytes[cut...])),
            isPiece(right)
          {
            merges.append(Merge(left: left, right: right, token: Int32(id), rank: ranks[id]))
          }
          cut += UTF8Scan.length(ofValidLead: bytes[cut])
        }
      }
    }
    return merges
  }

  /// Whether merging makes and takes the token; all others stand for other text than their own, or
  /// are found before.
  private func isPiece(_ id: Int32) -> Bool {
    vocabulary.types[Int(id)] == .normal
  }
}
