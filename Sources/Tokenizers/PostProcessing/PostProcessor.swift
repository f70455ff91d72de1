/// Puts special tokens around a text's ids.
struct PostProcessor: Sendable {
  enum Piece: Sendable {
    case text
    case tokens([Int32])
  }

  let pieces: [Piece]

  func processed(_ identifiers: [Int32]) -> [Int32] {
    pieces.flatMap { piece in
      switch piece {
      case .text: identifiers
      case .tokens(let tokens): tokens
      }
    }
  }
}
