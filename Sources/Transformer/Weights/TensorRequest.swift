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
    let source = OutlineSource()
    _ = try weights(for: configuration, from: source)
    return source.requests
  }
}
