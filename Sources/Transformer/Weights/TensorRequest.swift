/// A tensor that a model family asks for.
public struct TensorRequest: Equatable, Sendable {
  public let name: String
  public let shape: [Int]
  /// Of a matrix: whether it is used in the precision that the files have it in, and float16 as the
  /// float32 that is the same number. A router's choice hangs on bits that bfloat16 does not have.
  public let isExact: Bool

  public init(name: String, shape: [Int], isExact: Bool = false) {
    self.name = name
    self.shape = shape
    self.isExact = isExact
  }

  public var count: Int { shape.reduce(1, *) }

  /// Whether it is a norm or a bias, of which each rank has a float32 copy of its own.
  public var isVector: Bool { shape.count == 1 }
}

extension ModelFamilies {
  /// The tensors that a model of that configuration consists of, each once, in the order in which
  /// its family asks for them; no weights are needed to know them.
  ///
  /// - Throws: `ModelError`.
  public static func tensors(of configuration: ModelConfiguration) throws -> [TensorRequest] {
    let source = RecordingSource()
    _ = try weights(for: configuration, from: source)
    return source.requests
  }
}

/// Notes what it is asked for. Vectors are zeros; of matrices there is no more than an address.
private final class RecordingSource: WeightSource {
  /// The family copies vectors, so there must be an end to them: 256 MB, far above every published
  /// model.
  static let mostVectorElements = 1 << 26

  private(set) var requests: [TensorRequest] = []
  private var names: Set<String> = []
  private var vectorElements = 0
  private let matrix = TensorMemory(count: 32)

  func tensor(named name: String, shape: [Int]) throws -> TensorView {
    try view(TensorRequest(name: name, shape: shape))
  }

  func exactTensor(named name: String, shape: [Int]) throws -> TensorView {
    try view(TensorRequest(name: name, shape: shape, isExact: true))
  }

  private func view(_ request: TensorRequest) throws -> TensorView {
    if names.insert(request.name).inserted { requests.append(request) }
    var memory = matrix
    if request.isVector {
      vectorElements += request.count
      guard vectorElements <= Self.mostVectorElements else {
        throw ModelError(
          .unsupported,
          "the model's norms and biases have more than \(Self.mostVectorElements) elements, which "
            + "is not supported")
      }
      memory = TensorMemory(count: request.count)
    }
    return TensorView(
      name: request.name, shape: request.shape, format: .bfloat16,
      elements: UnsafeRawPointer(memory.elements.baseAddress!), owner: memory)
  }
}
