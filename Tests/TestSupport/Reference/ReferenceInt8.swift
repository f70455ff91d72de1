import Kernels

/// A linear layer of weights in blocks of small integers with inputs that are rounded to int8, by its
/// definition: the frozen twin of the fast paths, which have its bits.
package enum ReferenceInt8 {
  /// 32 inputs, each `scale * quant`.
  package struct Group {
    package var quants: [Int32]
    package var scale: Float
  }

  /// A row's inputs, rounded to a 127th of the largest magnitude of their group.
  package static func quantized(_ row: ArraySlice<Float>) -> [Group] {
    stride(from: row.startIndex, to: row.endIndex, by: 32).map { start in
      let group = row[start..<min(start + 32, row.endIndex)]
      let zeros = [Int32](repeating: 0, count: 32)
      guard group.allSatisfy(\.isFinite) else { return Group(quants: zeros, scale: .nan) }
      let largest = group.reduce(0) { max($0, abs($1)) }
      guard largest >= 0x1p-120 else { return Group(quants: zeros, scale: 0) }
      let factor = 127 / largest
      let quants = group.map { Int32(($0 * factor).rounded(.toNearestOrEven)) }
      return Group(quants: quants + zeros.dropFirst(quants.count), scale: largest / 127)
    }
  }

  /// `[tokens][outputs]` for inputs `[tokens][weights.inputs]`.
  package static func multiply(_ weights: WeightMatrix, inputs: [Float]) -> [Float] {
    let tokens = stride(from: 0, to: inputs.count, by: weights.inputs).map {
      quantized(inputs[$0..<$0 + weights.inputs])
    }
    var outputs = [Float](repeating: 0, count: tokens.count * weights.outputs)
    for row in 0..<weights.outputs {
      let blocks = weights.blocks(ofRow: row)
      let quants = blocks.flatMap(\.quants)
      let scales = blocks.flatMap(\.scales)
      let minimums = blocks.flatMap(\.minimums)
      let perScale = blocks[0].weightsPerScale
      for (token, groups) in tokens.enumerated() {
        var output: Float = 0
        for place in scales.indices {
          let (group, first) = (groups[place * perScale / 32], place * perScale % 32)
          var (products, inputs) = (Int32(0), Int32(0))
          for i in 0..<perScale {
            products += group.quants[first + i] * quants[place * perScale + i]
            inputs += group.quants[first + i]
          }
          output.addProduct(Float(products) * group.scale, scales[place])
          if !minimums.isEmpty { output.addProduct(minimums[place], group.scale * Float(inputs)) }
        }
        if !weights.bias.isEmpty { output += weights.bias[row] }
        outputs[token * weights.outputs + row] = output
      }
    }
    return outputs
  }
}
