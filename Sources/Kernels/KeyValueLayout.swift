import CKernels

/// How one KV head's 256 keys and values lie in a block, in the order in which the arithmetic reads
/// them. The head dimension here is the padded one; what pads it is 0 from the start.
///
/// | arithmetic | keys | values |
/// |---|---|---|
/// | bf16, own microkernels | `[8 panels][headDimension / 2][32 keys][2]` bf16 | `[panels][128 key pairs][32][2]` bf16 |
/// | fp32, own microkernels | `[8 panels][headDimension][32 keys]` float32 | `[panels][256 keys][32]` float32 |
/// | OpenBLAS | `[256 keys][headDimension]` bf16 or float32 | the same |
/// | q8 | `[8 panels][headDimension / 32]` groups of int8 weights: `[8][32 keys][4]`, then scales `[32]` float32 | `[panels]`: `[128 key pairs][32][2]` int8, then scales `[256 keys]` float32 |
///
/// In q8, the head dimension is padded to a multiple of 32.
///
/// The values' last panel has 16 columns where the head dimension is an odd multiple of 16.
public struct KeyValueLayout: Sendable, Equatable {
  public let shape: AttentionShape
  let isPacked: Bool
  let format: KeyValueFormat

  init(shape: AttentionShape, isPacked: Bool, format: KeyValueFormat) {
    self.shape = shape
    self.isPacked = isPacked
    self.format = format
  }

  /// But of q8, whose scales are beside.
  var elementBytes: Int {
    switch format {
    case .bf16: 2
    case .fp32: 4
    case .q8: 1
    }
  }

  /// Of q8: bytes of 32 columns of values, and as many of 32 elements of all keys.
  static let quantizedPanelBytes = tokensPerBlock * (Int(RF_PANEL_COLUMNS) + 4)
  /// Of q8: groups of 32 elements in a head.
  var groups: Int { (shape.headDimension + 31) / 32 }

  /// Neighbours that a packed layout keeps together: the pairs of bf16 dot products, which also widen
  /// to float32 at the least cost.
  var interleave: Int { isPacked && elementBytes == 2 ? 2 : 1 }

  /// Bytes of one head's keys, and as many of its values.
  public var keyBytes: Int {
    format == .q8
      ? groups * KeyValueLayout.quantizedPanelBytes
      : tokensPerBlock * shape.paddedHeadDimension * elementBytes
  }
  /// Bytes of one head's keys and values.
  public var headBytes: Int { 2 * keyBytes }
  /// Bytes of a whole block: `[keyValueHeads][keys, values]`.
  public var blockBytes: Int { shape.keyValueHeads * headBytes }
}

extension AttentionShape {
  /// Bytes of one token's keys and values of all heads, with what pads them.
  public func keyValueBytesPerToken(_ format: KeyValueFormat) -> Int {
    KeyValueLayout(shape: self, isPacked: true, format: format).blockBytes / tokensPerBlock
  }
}

extension Arithmetic {
  public func keyValueLayout(_ shape: AttentionShape) -> KeyValueLayout {
    KeyValueLayout(shape: shape, isPacked: multipliesPanels, format: keyValueFormat)
  }

  /// Puts one token's keys and values of all heads into their places in a block.
  ///
  /// - Parameters:
  ///   - keys: `[keyValueHeads][headDimension]` float32, as `values`; rounded to the block's type
  ///     here.
  ///   - token: 0…255, the token's place in the block.
  ///   - block: `layout.blockBytes`.
  public func store(
    keys: UnsafePointer<Float>, values: UnsafePointer<Float>, token: Int,
    into block: UnsafeMutableRawPointer, layout: KeyValueLayout
  ) {
    let d = layout.shape.headDimension
    guard layout.format != .q8 else {
      storeQuantized(keys: keys, values: values, token: token, into: block, layout: layout)
      return
    }
    for head in 0..<layout.shape.keyValueHeads {
      let keys = UnsafeBufferPointer(start: keys + head * d, count: d)
      let values = UnsafeBufferPointer(start: values + head * d, count: d)
      let place = block + head * layout.headBytes
      switch precision {
      case .bf16: layout.place(keys, values, token, in: place) { BFloat16($0) }
      case .fp32: layout.place(keys, values, token, in: place) { $0 }
      }
    }
  }

  /// Makes a block's places from `token` on what they are where nothing was stored: zeros.
  ///
  /// - Parameters:
  ///   - token: 0…256.
  ///   - block: `layout.blockBytes`.
  public func clear(
    from token: Int, in block: UnsafeMutableRawPointer, layout: KeyValueLayout
  ) {
    guard layout.format != .q8 else {
      clearQuantized(from: token, in: block, layout: layout)
      return
    }
    let zeros = [Float](
      repeating: 0, count: layout.shape.keyValueHeads * layout.shape.headDimension)
    for token in token..<tokensPerBlock {
      store(keys: zeros, values: zeros, token: token, into: block, layout: layout)
    }
  }
}

extension KeyValueLayout {
  /// A head's packed bf16 keys and values as the float32 panels of the other packed layout.
  func widen(
    _ head: UnsafeRawPointer, into output: UnsafeMutablePointer<Float>,
    with widenPairs: rf_widen_pairs_function
  ) {
    let dimension = shape.paddedHeadDimension
    let pairs = head.assumingMemoryBound(to: UInt16.self)
    let panel = Int(RF_PANEL_COLUMNS)
    widenPairs(pairs, tokensPerBlock / panel * dimension / 2, panel, output)
    for column in stride(from: 0, to: dimension, by: panel) {
      let first = (dimension + column) * tokensPerBlock
      widenPairs(
        pairs + first, tokensPerBlock / 2, min(panel, dimension - column), output + first)
    }
  }

  @inline(__always)
  fileprivate func place<Element: BitwiseCopyable>(
    _ keys: UnsafeBufferPointer<Float>, _ values: UnsafeBufferPointer<Float>, _ token: Int,
    in head: UnsafeMutableRawPointer, rounded: (Float) -> Element
  ) {
    let dimension = shape.paddedHeadDimension
    let given = shape.headDimension
    let k = head.assumingMemoryBound(to: Element.self)
    let v = (head + keyBytes).assumingMemoryBound(to: Element.self)
    guard isPacked else {
      for j in 0..<given {
        k[token * dimension + j] = rounded(keys[j])
        v[token * dimension + j] = rounded(values[j])
      }
      return
    }
    let panelKeys = Int(RF_PANEL_COLUMNS)
    let pair = interleave
    let panel = k + token / panelKeys * panelKeys * dimension + token % panelKeys * pair
    for j in 0..<given {
      panel[j / pair * pair * panelKeys + j % pair] = rounded(keys[j])
    }
    for first in stride(from: 0, to: given, by: Int(RF_PANEL_COLUMNS)) {
      let width = min(Int(RF_PANEL_COLUMNS), dimension - first)
      let row = v + first * tokensPerBlock + token / pair * pair * width + token % pair
      for j in 0..<min(width, given - first) { row[pair * j] = rounded(values[first + j]) }
    }
  }
}
