import CKernels

/// How one KV head's 256 keys and values lie in a block, in the order in which the arithmetic reads
/// them.
///
/// | arithmetic | keys | values |
/// |---|---|---|
/// | bf16 dot product | `[4 panels][headDimension / 2][64 keys][2]` bf16 | `[128 key pairs][headDimension][2]` bf16 |
/// | bf16 without it | `[256 keys][headDimension]` bf16 | the same |
/// | fp32 | `[256 keys][headDimension]` float32 | the same |
public struct KeyValueLayout: Sendable, Equatable {
  public let shape: AttentionShape
  let isPacked: Bool
  let elementBytes: Int

  init(shape: AttentionShape, isPacked: Bool, elementBytes: Int) {
    self.shape = shape
    self.isPacked = isPacked
    self.elementBytes = elementBytes
  }

  /// Bytes of one head's keys, and as many of its values.
  public var keyBytes: Int { tokensPerBlock * shape.headDimension * elementBytes }
  /// Bytes of one head's keys and values.
  public var headBytes: Int { 2 * keyBytes }
  /// Bytes of a whole block: `[keyValueHeads][keys, values]`.
  public var blockBytes: Int { shape.keyValueHeads * headBytes }
}

extension Arithmetic {
  public func keyValueLayout(_ shape: AttentionShape) -> KeyValueLayout {
    KeyValueLayout(shape: shape, isPacked: inputType == .bf16, elementBytes: precision.bytes)
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
    let dimension = layout.shape.headDimension
    let valuePart = head + layout.keyBytes
    guard precision == .bf16 else {
      (head.assumingMemoryBound(to: Float.self) + token * dimension)
        .update(from: keys, count: dimension)
      (valuePart.assumingMemoryBound(to: Float.self) + token * dimension)
        .update(from: values, count: dimension)
      return
    }
    let k = head.assumingMemoryBound(to: BFloat16.self)
    let v = valuePart.assumingMemoryBound(to: BFloat16.self)
    guard layout.isPacked else {
      for j in 0..<dimension {
        k[token * dimension + j] = BFloat16(keys[j])
        v[token * dimension + j] = BFloat16(values[j])
      }
      return
    }
    let panelKeys = Int(RF_PANEL_COLUMNS)
    let panel = k + token / panelKeys * panelKeys * dimension + token % panelKeys * 2
    let pair = v + token / 2 * 2 * dimension + token % 2
    for j in 0..<dimension {
      panel[j / 2 * 2 * panelKeys + j % 2] = BFloat16(keys[j])
      pair[2 * j] = BFloat16(values[j])
    }
  }
}
