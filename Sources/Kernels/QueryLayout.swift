/// How the queries of some tokens lie for attention: `[keyValueHeads][tokens][groupSize]
/// [paddedHeadDimension]` matrix input, or rows of int8 where keys are q8. So the rows of one KV head's group stand together for tokens
/// that are neighbours, and each K/V block that is read serves the whole group.
public struct QueryLayout: Sendable, Equatable {
  public let shape: AttentionShape
  /// How many there are.
  public let tokens: Int
  /// Bytes of one head's row.
  let rowBytes: Int

  init(shape: AttentionShape, tokens: Int, rowBytes: Int) {
    self.shape = shape
    self.tokens = tokens
    self.rowBytes = rowBytes
  }

  /// The number of the first of a token's rows of one KV head, among all rows.
  public func row(head: Int, token: Int) -> Int { (head * tokens + token) * shape.groupSize }

  /// Where the row of that number begins, in bytes.
  public func offset(ofRow row: Int) -> Int { row * rowBytes }

  /// Rows of all tokens and heads.
  public var rows: Int { tokens * shape.queryHeads }

  /// Bytes of all of them.
  public var bytes: Int { rows * rowBytes }

  /// Bytes of one token's queries.
  public var tokenBytes: Int { shape.queryHeads * rowBytes }
}

extension Arithmetic {
  public func queryLayout(_ shape: AttentionShape, tokens: Int) -> QueryLayout {
    QueryLayout(shape: shape, tokens: tokens, rowBytes: queryRowBytes(shape))
  }

  /// Bytes of the softmax states of some tokens' queries.
  public func stateBytes(_ shape: AttentionShape, tokens: Int) -> Int {
    tokens * shape.queryHeads * stateLayout(headDimension: shape.headDimension).rowElements
      * MemoryLayout<Double>.stride
  }

  /// Bytes of one head's query, as attention reads it.
  func queryRowBytes(_ shape: AttentionShape) -> Int {
    keyValueFormat == .q8 && multipliesPanels
      ? (shape.headDimension + 31) / 32 * 64 : shape.paddedHeadDimension * inputType.bytes
  }

  /// Rounds one token's queries into their places.
  ///
  /// - Parameters:
  ///   - queries: `[queryHeads][headDimension]` float32.
  ///   - token: its number in the layout.
  ///   - destination: the queries of all tokens, as `layout` says.
  public func store(
    queries: UnsafePointer<Float>, token: Int, into destination: UnsafeMutableRawPointer,
    layout: QueryLayout
  ) {
    let shape = layout.shape
    let (d, group) = (shape.headDimension, shape.groupSize)
    guard keyValueFormat != .q8 || !multipliesPanels else {
      for head in 0..<shape.keyValueHeads {
        let rows = destination + layout.offset(ofRow: layout.row(head: head, token: token))
        for row in 0..<group {
          table.quantize(
            queries + (head * group + row) * d, d, rows + layout.offset(ofRow: row))
        }
      }
      return
    }
    let padding = layout.rowBytes - d * inputType.bytes
    for head in 0..<shape.keyValueHeads {
      let source = queries + head * group * d
      let rows = destination + layout.offset(ofRow: layout.row(head: head, token: token))
      guard padding > 0 else {
        inputKernels.round(source, group * d, rows)
        continue
      }
      for row in 0..<group {
        let padded = rows + layout.offset(ofRow: row)
        inputKernels.round(source + row * d, d, padded)
        (padded + d * inputType.bytes).initializeMemory(
          as: UInt8.self, repeating: 0, count: padding)
      }
    }
  }
}
