import Kernels
import ModelFiles
import Transformer

extension TensorView {
  package var asTensor: Tensor {
    Tensor(
      name: name, elementType: format == .bfloat16 ? .bfloat16 : .float32, shape: shape,
      bytes: UnsafeRawBufferPointer(start: elements, count: bytes), owner: owner)
  }

  /// In bfloat16, what is nearest of the numbers that a half has, too: it has none between multiples
  /// of 2^-24.
  package var asHalves: TensorView {
    let tensor = Tensor(
      name: name, elementType: .bfloat16, shape: shape,
      copying: floats().map { BFloat16(($0 * 0x1p24).rounded() * 0x1p-24) })
    return TensorView(
      name: name, shape: shape, format: .bfloat16, elements: tensor.bytes.baseAddress!,
      owner: tensor.owner)
  }

  /// The same numbers, rounded where the type has less room for them.
  package func converted(to type: TensorElementType) -> Tensor {
    switch type {
    case .bfloat16 where format == .bfloat16: asTensor
    case .bfloat16:
      Tensor(name: name, elementType: type, shape: shape, copying: floats().map(BFloat16.init))
    case .float16:
      Tensor(name: name, elementType: type, shape: shape, copying: floats().map { Float16($0) })
    case .float32: Tensor(name: name, elementType: type, shape: shape, copying: floats())
    default: preconditionFailure("no \(type) here")
    }
  }
}
