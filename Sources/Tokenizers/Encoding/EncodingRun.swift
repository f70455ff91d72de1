/// One text on its way to token ids: what the steps need while they work, and what they have made.
///
/// The steps are nested: each hands every piece on to the next one at once, so that nothing but the
/// ids grows with the text.
final class EncodingRun {
  private(set) var identifiers: [Int32] = []
  private let pipeline: Pipeline
  private let text: UnsafeBufferPointer<UInt8>
  private let start: PiecePosition
  private let model: BytePairModel
  private let merger: WordMerger
  private let cache: WordCache
  /// For each pre-tokenizer its pattern, if it has one.
  private let matchers: [PatternMatcher?]
  private var progress: EncodingProgress

  /// Words up to this length are not cut: to look them up is cheaper.
  private static let longestUncut = 32

  /// Where in a text a piece stands, which decides whether a prefix may come before it.
  private enum PiecePosition {
    case beginning
    /// At the beginning of a text that continues another one.
    case continuation
    case inside

    /// Of the part of the piece that begins at `offset`.
    func position(atOffset offset: Int) -> PiecePosition { offset == 0 ? self : .inside }
  }

  /// A run for `text`, which is valid UTF-8.
  ///
  /// - Parameter continuing: whether another text comes before it.
  init(
    _ pipeline: Pipeline, _ text: UnsafeBufferPointer<UInt8>, continuing: Bool,
    onProgress: ((Double) -> Void)?
  ) {
    let byteCount = text.count
    start = continuing ? .continuation : .beginning
    self.pipeline = pipeline
    model = pipeline.model
    merger = WordMerger(pipeline.model.merges)
    cache = WordCache(byteCount: byteCount)
    self.text = text
    // No step makes a later character where there was none.
    let laterKinds = LaterCharacters.kinds(in: text)
    matchers = pipeline.preTokenizers.map { step in
      switch step {
      case .split(let pattern, _, _):
        PatternMatcher(pattern, laterKinds: laterKinds)
      case .metaspace(let replacement, _, true): PatternMatcher(.literal(replacement))
      default: nil
      }
    }
    progress = EncodingProgress(byteCount: byteCount, report: onProgress)
    identifiers.reserveCapacity(byteCount / 3 + 16)
  }

  /// Encodes all of the text.
  func encode() throws {
    try pipeline.rawTokens.forEachPart(of: text) { part, id in
      if let id {
        identifiers.append(id)
      } else {
        try encode(part)
      }
    }
    progress.finish()
  }

  /// Encodes what lies between two added tokens.
  private func encode(_ part: Range<Int>) throws {
    let raw = UnsafeBufferPointer(rebasing: text[part])
    let continues = start.position(atOffset: part.lowerBound) == .continuation
    let normalizers =
      continues ? pipeline.normalizers.filter { !$0.isPrefix } : pipeline.normalizers
    guard let normalized = try Normalizer.normalized(raw, normalizers) else {
      return try encode(normalized: raw, part: part)
    }
    try normalized.withUnsafeBufferPointer { try encode(normalized: $0, part: part) }
  }

  private func encode(normalized text: UnsafeBufferPointer<UInt8>, part: Range<Int>) throws {
    progress.begin(part, normalizedByteCount: text.count)
    try pipeline.normalizedTokens.forEachPart(of: text) { piece, id in
      if let id {
        identifiers.append(id)
      } else {
        try cut(
          UnsafeBufferPointer(rebasing: text[piece]), step: 0,
          position: start.position(atOffset: part.lowerBound).position(atOffset: piece.lowerBound))
      }
    }
  }

  /// Takes `text` through the pre-tokenizers from `step` on.
  private func cut(
    _ text: UnsafeBufferPointer<UInt8>, step: Int, position: PiecePosition
  ) throws {
    guard step < pipeline.preTokenizers.count else { return encode(word: text) }
    switch pipeline.preTokenizers[step] {
    case .split(_, let behavior, let inverted):
      let isLast = step + 1 == pipeline.preTokenizers.count
      try behavior.forEachPiece(of: text, matchers[step]!, inverted: inverted) { piece in
        if piece.isEmpty { return }
        let word = UnsafeBufferPointer(rebasing: text[piece])
        if isLast {
          encode(word: word)
        } else {
          try cut(word, step: step + 1, position: position.position(atOffset: piece.lowerBound))
        }
      }
    case .metaspace(let replacement, let prepends, let splits):
      let replaced = Self.metaspaced(text, replacement, prepends, position: position)
      try replaced.withUnsafeBufferPointer { text in
        guard splits else { return try cut(text, step: step + 1, position: position) }
        try SplitBehavior.mergedWithNext.forEachPiece(
          of: text, matchers[step]!, inverted: false
        ) { piece in
          try cut(
            UnsafeBufferPointer(rebasing: text[piece]), step: step + 1,
            position: position.position(atOffset: piece.lowerBound))
        }
      }
    case .prefixSpace:
      if position == .continuation || text.first == UInt8(ascii: " ") {
        return try cut(text, step: step + 1, position: position)
      }
      try ([UInt8(ascii: " ")] + text).withUnsafeBufferPointer {
        try cut($0, step: step + 1, position: position)
      }
    }
  }

  private static func metaspaced(
    _ text: UnsafeBufferPointer<UInt8>, _ replacement: [UInt8],
    _ prepends: PreTokenizer.PrependScheme, position: PiecePosition
  ) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 2 + replacement.count)
    let prefixes =
      switch prepends {
      case .always: position != .continuation
      case .first: position == .beginning
      case .never: false
      }
    let begins = text.first == UInt8(ascii: " ") || text.starts(with: replacement)
    if prefixes, !begins { result += replacement }
    for byte in text {
      if byte == UInt8(ascii: " ") {
        result.append(contentsOf: replacement)
      } else {
        result.append(byte)
      }
    }
    return result
  }

  private func encode(word: UnsafeBufferPointer<UInt8>) {
    guard let start = word.baseAddress, !word.isEmpty else { return }
    let count = word.count
    if count <= Self.longestUncut || !model.canCut {
      encode(start, count, isWhole: true)
      progress.advance(by: count)
      return
    }
    if count <= model.longestWholeWord, let id = model.wholeWords.identifier(of: word) {
      identifiers.append(id)
      progress.advance(by: count)
      return
    }
    var place = start
    let end = start + count
    var pieceStart = start
    var left = model.joins.nextClass(&place)
    while place < end {
      let before = place
      let right = model.joins.nextClass(&place)
      if !model.joins.joins(left, right) {
        encode(pieceStart, before - pieceStart, isWhole: false)
        progress.advance(by: before - pieceStart)
        pieceStart = before
      }
      left = right
    }
    encode(pieceStart, end - pieceStart, isWhole: false)
    progress.advance(by: end - pieceStart)
  }

  /// Appends the tokens of a word, or of a piece of one.
  @inline(__always)
  private func encode(_ word: UnsafePointer<UInt8>, _ count: Int, isWhole: Bool) {
    let isCached = count <= WordCache.longestWord
    var hash = isCached ? WordCache.hash(word, count) : 0
    // By `ignore_merges` a piece may have other tokens than a whole word of the same bytes.
    if !isWhole { hash ^= 0x5555_5555_5555_5554 }
    if isCached, cache.appendTokens(of: word, count, hash: hash, to: &identifiers) { return }
    let first = identifiers.count
    merge(word, count, isWhole: isWhole)
    if isCached { cache.insert(word, count, hash: hash, tokens: identifiers[first...]) }
  }

  private func merge(_ word: UnsafePointer<UInt8>, _ count: Int, isWhole: Bool) {
    if isWhole, count <= model.longestWholeWord,
      let id = model.wholeWords.identifier(of: UnsafeBufferPointer(start: word, count: count))
    {
      identifiers.append(id)
      return
    }
    // A byte without a token can be two, those of the character that stands for it.
    merger.reserve(model.isByteLevel && !model.byteTokens.isEmpty ? 2 * count : count)
    let startCount = model.start(word, count, merger)
    let mergedCount = merger.merge(count: startCount)
    identifiers.append(
      contentsOf: UnsafeBufferPointer(start: merger.tokens, count: mergedCount))
  }
}
