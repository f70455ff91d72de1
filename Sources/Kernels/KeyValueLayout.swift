import CKernels

/// How one KV head's 256 keys and values lie in a block, in the order in which the arithmetic reads
/// them. The head dimension here is the padded one; what pads it is 0 from the start.
///
/// | arithmetic | keys | values |
/// |---|---|---|
/// | bf16 dot product | `[4 panels][headDimension / 2][64 keys][2]` bf16 | `[128 key pairs][headDimension][2]` bf16 |
/// | bf16 without it | `[256 keys][headDimension]` bf16 | the same |
/// | fp32 with AVX-512 | `[4 panels][headDimension][64 keys]` float32 | `[panels][256 keys][32]` float32, 16 in a last half panel |
/// | fp32 without it | `[256 keys][headDimension]` float32 | the same |
public struct KeyValueLayout: Sendable, Equatable {
  public let shape: AttentionShape
  let isPacked: Bool
  let elementBytes: Int

  init(shape: AttentionShape, isPacked: Bool, elementBytes: Int) {
    self.shape = shape
    self.isPacked = isPacked
    self.elementBytes = elementBytes
  }

  /// Neighbours that a packed layout keeps together: a pair for the bf16 dot product.
  var interleave: Int { isPacked && elementBytes == 2 ? 2 : 1 }

  /// Coordinates of the values that lie together for all keys. In float32 a panel of 32 fits the
  /// first-level cache.
  var valuePanelColumns: Int { isPacked && elementBytes == 4 ? 32 : shape.paddedHeadDimension }

  /// Bytes of one head's keys, and as many of its values.
  public var keyBytes: Int { tokensPerBlock * shape.paddedHeadDimension * elementBytes }
  /// Bytes of one head's keys and values.
  public var headBytes: Int { 2 * keyBytes }
  /// Bytes of a whole block: `[keyValueHeads][keys, values]`.
  public var blockBytes: Int { shape.keyValueHeads * headBytes }
}

extension Arithmetic {
  public func keyValueLayout(_ shape: AttentionShape) -> KeyValueLayout {
    KeyValueLayout(shape: shape, isPacked: attendsRowsAlone, elementBytes: precision.bytes)
  }

  /// Puts one token's key and value of one head into its place in a block.
  ///
  /// - Parameters:
  ///   - keys: `[headDimension]` float32, as `values`; rounded to the block's type here.
  ///   - token: 0…255, the token's place in the block.
  ///   - head: `layout.headBytes` of the block.
  public func store(
    keys: UnsafePointer<Float>, values: UnsafePointer<Float>, token: Int,
    into head: UnsafeMutableRawPointer, layout: KeyValueLayout
  ) {
    let values = UnsafeBufferPointer(start: values, count: layout.shape.headDimension)
    let keys = UnsafeBufferPointer(start: keys, count: layout.shape.headDimension)
    switch precision {
    case .bf16:
      layout.place(keys, values, token, in: head) { BFloat16($0) }
    case .fp32:
      layout.place(keys, values, token, in: head) { $0 }
    }
  }
}

extension KeyValueLayout {
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
    for first in stride(from: 0, to: given, by: valuePanelColumns) {
      let width = min(valuePanelColumns, dimension - first)
      let row = v + first * tokensPerBlock + token / pair * pair * width + token % pair
      for j in 0..<min(width, given - first) { row[pair * j] = rounded(values[first + j]) }
    }
  }
}
