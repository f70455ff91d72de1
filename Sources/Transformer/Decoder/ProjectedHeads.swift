/// What a layer's projections give for one row, float32.
struct ProjectedHeads {
  /// `[queryHeads][headDimension]`; nil of a row that does not attend.
  let queries: UnsafeMutablePointer<Float>?
  /// `[keyValueHeads][headDimension]`
  let keys: UnsafeMutablePointer<Float>
  /// `[keyValueHeads][headDimension]`; where keys are values, there once they are copied.
  let values: UnsafeMutablePointer<Float>
  private let attention: AttentionConfiguration

  /// - Parameters:
  ///   - row: queries, keys and values one after the other; no values where keys are.
  ///   - attends: whether there are queries.
  ///   - copied: room for values that are copies of keys.
  init(
    _ row: UnsafeMutablePointer<Float>, _ attention: AttentionConfiguration, attends: Bool,
    copied: UnsafeMutablePointer<Float>
  ) {
    queries = attends ? row : nil
    keys = row + (attends ? attention.queryWidth : 0)
    values = attention.keysAreValues ? copied : keys + attention.keyValueWidth
    self.attention = attention
  }

  /// Where keys are values: before anything is done to the keys.
  func copyValues() {
    guard attention.keysAreValues else { return }
    values.update(from: keys, count: attention.keyValueWidth)
  }

  /// Clamps so many heads; what is not a number stays so.
  func clip(_ heads: UnsafeMutablePointer<Float>, of count: Int) {
    guard let limit = attention.clip.map({ Float($0) }) else { return }
    for index in 0..<count * attention.headDimension {
      let value = heads[index]
      heads[index] = value > limit ? limit : value < -limit ? -limit : value
    }
  }
}
