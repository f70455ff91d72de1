import Kernels

/// Weights of which nothing counts but their shapes and formats: vectors are zeros, of matrices there is
/// no more than an address. Notes what it is asked for.
public final class OutlineSource: WeightSource {
  /// The family copies vectors, so there must be an end to them: 256 MB, far above every published
  /// model.
  static let mostVectorElements = 1 << 26

  /// Each tensor once, in the order in which they were asked for.
  public private(set) var requests: [TensorRequest] = []
  private var names: Set<String> = []
  private var vectorElements = 0
  private let formats: [String: WeightFormat]
  private let places: [String: UnsafeRawPointer]
  private let matrix = TensorMemory(count: 32)

  /// - Parameters:
  ///   - formats: of matrices, by their names; bfloat16 of others.
  ///   - places: where matrices are said to be, by their names, though nothing is there.
  public init(
    formats: [String: WeightFormat] = [:], places: [String: UnsafeRawPointer] = [:]
  ) {
    self.formats = formats
    self.places = places
  }

  public func tensor(named name: String, shape: [Int]) throws -> TensorView {
    try view(TensorRequest(name: name, shape: shape))
  }

  public func exactTensor(named name: String, shape: [Int]) throws -> TensorView {
    try view(TensorRequest(name: name, shape: shape, isExact: true))
  }

  private func view(_ request: TensorRequest) throws -> TensorView {
    if names.insert(request.name).inserted { requests.append(request) }
    guard request.isVector else {
      let format = formats[request.name] ?? .bfloat16
      let (outputs, inputs) = (request.shape[0], request.shape[1])
      return TensorView(
        name: request.name, shape: request.shape, format: format,
        elements: places[request.name] ?? UnsafeRawPointer(matrix.elements.baseAddress!),
        scales: format.isScaled
          ? WeightScales([1], rowsPerScale: outputs, inputsPerScale: inputs, inputs: inputs) : nil,
        owner: matrix)
    }
    vectorElements += request.count
    guard vectorElements <= Self.mostVectorElements else {
      throw ModelError(
        .unsupported,
        "the model's norms and biases have more than \(Self.mostVectorElements) elements, which is "
          + "not supported")
    }
    let zeros = TensorMemory(count: request.count)
    return TensorView(
      name: request.name, shape: request.shape, format: .bfloat16,
      elements: UnsafeRawPointer(zeros.elements.baseAddress!), owner: zeros)
  }
}
