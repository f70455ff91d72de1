import Kernels

/// Named bfloat16 tensors in one piece of memory: a model that is made rather than read.
struct TensorStore: WeightSource, Sendable {
  /// A tensor to be made.
  struct Recipe {
    let name: String
    let shape: [Int]
    /// Writes the elements, `shape`, row-major; they are zero before.
    let fill: (UnsafeMutableBufferPointer<BFloat16>) -> Void
  }

  /// In the order of their recipes, each aligned to cache lines.
  let tensors: [TensorView]
  private let places: [String: Int]

  init(_ recipes: [Recipe]) {
    let counts = recipes.map { $0.shape.reduce(1, *) }
    let elementsPerLine = 32
    let strides = counts.map { ($0 + elementsPerLine - 1) / elementsPerLine * elementsPerLine }
    let memory = TensorMemory(count: strides.reduce(0, +))
    var offset = 0
    var tensors: [TensorView] = []
    for (index, recipe) in recipes.enumerated() {
      let elements = UnsafeMutableBufferPointer(
        rebasing: memory.elements[offset..<offset + counts[index]])
      recipe.fill(elements)
      tensors.append(
        TensorView(
          name: recipe.name, shape: recipe.shape, format: .bfloat16,
          elements: UnsafeRawPointer(elements.baseAddress!), owner: memory))
      offset += strides[index]
    }
    self.tensors = tensors
    places = Dictionary(
      uniqueKeysWithValues: tensors.enumerated().map { ($0.element.name, $0.offset) })
  }

  func tensor(named name: String, shape: [Int]) throws -> TensorView {
    guard let tensor = places[name].map({ tensors[$0] }) else {
      throw ModelError(.malformed, "the model has no tensor \(quoted(name))")
    }
    guard tensor.shape == shape else {
      throw ModelError(
        .malformed, "the tensor \(quoted(name)) has the shape \(tensor.shape), not \(shape)")
    }
    return tensor
  }
}
