import Kernels
import Transformer

extension WeightPlan {
  /// What is used of the weights for one token, known before there are any.
  public struct Activity: Sendable, Equatable {
    /// Of a mixture of experts, those of the experts that a token goes to.
    public let parameters: Int
    /// Bytes of matrices that are read for a token that runs alone, the head's included.
    public let bytes: Int
  }

  /// - Parameter configuration: the one that the plan was made for.
  /// - Throws: `ModelError`.
  public func activity(of configuration: ModelConfiguration) throws -> Activity {
    let weights = try ModelFamilies.weights(for: configuration, from: FormatsAlone(tensors))
    return Activity(
      parameters: weights.activeParameters, bytes: AppendPass.weightBytesPerToken(weights))
  }
}

/// Gives tensors of which nothing counts but their shapes and formats: vectors are zeros, and of a matrix
/// there is no more than an address.
private final class FormatsAlone: WeightSource {
  private let formats: [String: WeightFormat]
  private let memory: AlignedBuffer<Float>

  init(_ tensors: [PlannedTensor]) {
    formats = Dictionary(uniqueKeysWithValues: tensors.map { ($0.request.name, $0.format) })
    let longest = tensors.lazy.filter(\.request.isVector).map(\.request.count).max() ?? 0
    memory = AlignedBuffer(count: max(longest, 1))
  }

  func tensor(named name: String, shape: [Int]) throws -> TensorView {
    let format = shape.count == 1 ? .float32 : formats[name] ?? .bfloat16
    let scales =
      format.isScaled
      ? WeightScales([1], rowsPerScale: shape[0], inputsPerScale: shape[1], inputs: shape[1]) : nil
    return TensorView(
      name: name, shape: shape, format: format, elements: UnsafeRawPointer(memory.pointer),
      scales: scales, owner: self)
  }
}
