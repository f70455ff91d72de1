import Kernels
import ModelFiles
import Transformer

/// FP8 in the form E4M3, by its definition.
package enum Float8 {
  /// Of each code: a sign, 4 bits of exponent with a bias of 7, 3 bits of fraction.
  package static let numbers: [Float] = (0..<256).map { code in
    let (exponent, fraction) = (code >> 3 & 15, Float(code & 7))
    let sign: Float = code < 128 ? 1 : -1
    if code & 127 == 127 { return code < 128 ? .nan : -.nan }
    if exponent == 0 { return sign * fraction / 8 / 64 }
    let power = Float(sign: .plus, exponent: exponent - 7, significand: 1)
    return sign * (1 + fraction / 8) * power
  }

  package static let largest: Float = 448

  /// The code of a number that is near; its magnitude is at most `largest`.
  package static func code(near number: Float) -> UInt8 {
    let magnitude = abs(number)
    // Those of positive numbers ascend.
    var (low, high) = (0, 126)
    while low < high {
      let middle = (low + high) / 2
      if numbers[middle] < magnitude { low = middle + 1 } else { high = middle }
    }
    if low > 0, magnitude - numbers[low - 1] < numbers[low] - magnitude { low -= 1 }
    return UInt8(number < 0 ? 128 + low : low)
  }
}

/// A matrix in FP8, with a scale for each block of some rows and inputs.
package struct ScaledMatrix: Sendable {
  package let rows: Int
  package let inputs: Int
  package let rowsPerScale: Int
  package let inputsPerScale: Int
  /// `[rows][inputs]`
  package let codes: [UInt8]
  /// `[rows / rowsPerScale][inputs / inputsPerScale]`, both rounded up; bfloat16 has them.
  package let scales: [Float]

  /// Near these weights.
  package init(
    _ weights: [Float], rows: Int, inputs: Int, rowsPerScale: Int, inputsPerScale: Int
  ) {
    let scalesPerRow = (inputs + inputsPerScale - 1) / inputsPerScale
    let scaleRows = (rows + rowsPerScale - 1) / rowsPerScale
    func index(_ element: Int) -> Int {
      element / inputs / rowsPerScale * scalesPerRow + element % inputs / inputsPerScale
    }
    var largest = [Float](repeating: 0, count: scaleRows * scalesPerRow)
    for (element, weight) in weights.enumerated() {
      largest[index(element)] = max(largest[index(element)], abs(weight))
    }
    let scales = largest.map { BFloat16($0 * 1.01 / Float8.largest).float }
    self.rows = rows
    self.inputs = inputs
    self.rowsPerScale = rowsPerScale
    self.inputsPerScale = inputsPerScale
    self.scales = scales
    codes = weights.enumerated().map { element, weight in
      let scale = scales[index(element)]
      return scale == 0 ? 0 : Float8.code(near: weight / scale)
    }
  }

  /// The weights that it has, rounded to float32: `[rows][inputs]`.
  package var weights: [Float] {
    let scalesPerRow = (inputs + inputsPerScale - 1) / inputsPerScale
    return codes.enumerated().map { element, code in
      let (row, input) = (element / inputs, element % inputs)
      return Float8.numbers[Int(code)]
        * scales[row / rowsPerScale * scalesPerRow + input / inputsPerScale]
    }
  }

  package var weightScales: WeightScales {
    WeightScales(
      scales, rowsPerScale: rowsPerScale, inputsPerScale: inputsPerScale, inputs: inputs)
  }
}

extension ScaledMatrix {
  /// As a model family takes it from its source.
  package func view(named name: String) -> TensorView {
    let tensor = Tensor(
      name: name, elementType: .float8e4m3, shape: [rows, inputs], copying: codes)
    return TensorView(
      name: name, shape: tensor.shape, format: .fp8E4M3, elements: tensor.bytes.baseAddress!,
      scales: weightScales, owner: tensor.owner)
  }
}
