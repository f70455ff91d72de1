import Transformer

/// Tensors by name, for tests.
struct TensorList: WeightSource {
  struct Missing: Error, Equatable {
    let name: String
  }
  struct WrongShape: Error, Equatable {
    let name: String
    let expected: [Int]
  }

  var tensors: [TensorView]

  func tensor(named name: String, shape: [Int]) throws -> TensorView {
    guard let tensor = tensors.first(where: { $0.name == name }) else { throw Missing(name: name) }
    guard tensor.shape == shape else { throw WrongShape(name: name, expected: shape) }
    return tensor
  }
}
