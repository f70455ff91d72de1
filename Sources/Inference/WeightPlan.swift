import Files
import Kernels
import ModelFiles
import Transformer

/// Where a model's weights come from and what they will take, known before any memory is taken.
public struct WeightPlan: Sendable {
  public enum Origin: String, Sendable, Codable {
    case builtIn = "built_in"
    /// Safetensors.
    case files
    /// Made from the tensors' names; see `RandomWeights`.
    case random
    /// Only the configuration is there.
    case none
  }

  public let origin: Origin
  /// Elements of all tensors that the model asks for, a tied head counted once.
  public let parameters: Int
  /// How many of the parameters are stored in each type, by its name in safetensors files.
  public let parametersByType: [String: Int]
  /// Bytes of matrices that are used where they lie in mapped files. The ranks of a host share
  /// their pages, which the system takes back and reads again as it needs to.
  public let mappedBytes: Int
  /// Bytes of matrices that are converted or made, once a host, in memory that its ranks share.
  public let sharedBytes: Int
  /// Bytes of norms and biases, of which each rank has a float32 copy.
  public let vectorBytes: Int
  /// How weights that are not there are taken to be stored, in a clause that says why; nil where
  /// nothing is assumed.
  public let assumption: String?
  /// Names of tensors in the files that the model does not use, in the files' order.
  public let unusedTensors: [String]

  let tensors: [PlannedTensor]

  init(
    origin: Origin, tensors: [PlannedTensor], assumption: String? = nil,
    unusedTensors: [String] = []
  ) {
    self.origin = origin
    self.tensors = tensors
    self.assumption = assumption
    self.unusedTensors = unusedTensors
    parameters = tensors.reduce(0) { $0 + $1.request.count }
    var parametersByType: [String: Int] = [:]
    var (mapped, shared, vectors) = (0, 0, 0)
    for tensor in tensors {
      if let type = tensor.storedType {
        parametersByType[type.rawValue, default: 0] += tensor.request.count
      }
      if tensor.request.isVector {
        vectors += tensor.request.count * MemoryLayout<Float>.stride
      } else if tensor.isShared {
        shared += SharedWeights.paddedBytes(tensor)
      } else {
        mapped += tensor.bytes
      }
    }
    self.parametersByType = parametersByType
    mappedBytes = mapped
    sharedBytes = shared
    vectorBytes = vectors
  }
}

/// One tensor of a plan.
struct PlannedTensor: Sendable {
  enum Content: Sendable {
    /// In a file: used there, or converted by that.
    case file(Tensor, ElementConversion?)
    case random(RandomWeights)
    /// In a file that is not there, of this type as is assumed.
    case absent(TensorElementType, ElementConversion?)
  }

  let request: TensorRequest
  let content: Content

  /// Nil where the tensor is stored nowhere.
  var storedType: TensorElementType? {
    if case .file(let tensor, _) = content { tensor.elementType } else { nil }
  }

  /// Of the elements as the model uses them.
  var format: WeightFormat {
    switch content {
    case .file(let tensor, nil): tensor.elementType == .float32 ? .float32 : .bfloat16
    case .absent(let type, nil): type == .float32 ? .float32 : .bfloat16
    case .file(_, let conversion?), .absent(_, let conversion?): conversion.result
    case .random: .bfloat16
    }
  }

  /// What they take in that format.
  var bytes: Int {
    request.shape.dropLast().reduce(1, *) * format.rowBytes(inputs: request.shape.last ?? 1)
  }
}

extension WeightPlan {
  /// Reproducible random weights, or those that the program has in it, for a configuration.
  ///
  /// - Throws: `ModelError`.
  init(_ origin: Origin, for configuration: ModelConfiguration) throws {
    precondition(origin == .random || origin == .builtIn)
    self.init(
      origin: origin,
      tensors: try ModelFamilies.tensors(of: configuration).map {
        PlannedTensor(request: $0, content: .random(RandomWeights($0)))
      })
  }

  /// The tensors in a directory's files, each of any type that is supported: matrices are used in
  /// place where `precision` multiplies them as they are, and converted otherwise.
  ///
  /// - Throws: `FileError`, `ModelError`.
  init(
    files: SafetensorsCollection, directory: String, configuration: ModelConfiguration,
    precision: Precision
  ) throws {
    var tensors: [PlannedTensor] = []
    for request in try ModelFamilies.tensors(of: configuration) {
      let tensor = try Self.tensor(request, in: files, directory)
      let conversion = try Self.conversion(of: tensor, request, precision, directory)
      tensors.append(PlannedTensor(request: request, content: .file(tensor, conversion)))
    }
    let used = Set(tensors.map(\.request.name))
    self.init(
      origin: .files, tensors: tensors,
      unusedTensors: files.names.filter {
        !used.contains($0)
          && !Self.bearsOnNothing($0, isTied: configuration.vocabulary.isTied)
      })
  }

  /// Tensors that files have although nothing reads them: frequencies of RoPE, which follow from the
  /// configuration, and a head that is the embedding.
  private static func bearsOnNothing(_ name: String, isTied: Bool) -> Bool {
    name.hasSuffix("rotary_emb.inv_freq") || isTied && name == "lm_head.weight"
  }

  /// What weights would take that are not there.
  ///
  /// - Throws: `ModelError`.
  init(
    absent configuration: ModelConfiguration, as storage: AssumedStorage, precision: Precision
  ) throws {
    let requests = try ModelFamilies.tensors(of: configuration)
    let type = storage.type(parameters: requests.reduce(0) { $0 + $1.count })
    self.init(
      origin: .none,
      tensors: requests.map {
        PlannedTensor(
          request: $0, content: .absent(type, Self.conversion(of: type, $0, precision)))
      },
      assumption: storage.reason(for: type))
  }

  private static func tensor(
    _ request: TensorRequest, in files: SafetensorsCollection, _ directory: String
  ) throws -> Tensor {
    guard let tensor = files.tensor(named: request.name) else {
      // Of a multimodal checkpoint, or of one that was saved without its head.
      let other = files.names.first {
        $0.hasSuffix("." + request.name) || request.name.hasSuffix("." + $0)
      }
      throw FileError(
        .malformed,
        "\(directory): has no tensor '\(request.name)', which the model's configuration asks for"
          + (other.map { "; its '\($0)' would have to be called so" } ?? ""))
    }
    guard tensor.shape == request.shape else {
      throw FileError(
        .malformed,
        "\(directory): the tensor '\(request.name)' has the shape \(tensor.shape), the "
          + "configuration asks for \(request.shape)")
    }
    return tensor
  }

  /// How a tensor becomes what the model computes with; nil where it is that already.
  private static func conversion(
    of tensor: Tensor, _ request: TensorRequest, _ precision: Precision, _ directory: String
  ) throws -> ElementConversion? {
    guard [.bfloat16, .float16, .float32].contains(tensor.elementType) else {
      throw FileError(
        .unsupported,
        "\(directory): the tensor '\(tensor.name)' is of type \(tensor.elementType.rawValue); BF16, "
          + "F16 and F32 are supported")
    }
    return conversion(of: tensor.elementType, request, precision)
  }

  /// The same of one of the three types that are supported.
  private static func conversion(
    of type: TensorElementType, _ request: TensorRequest, _ precision: Precision
  ) -> ElementConversion? {
    switch type {
    case .float32 where request.isVector || precision == .fp32: nil
    case .float32: .float32ToBFloat16
    case .float16 where request.isVector || precision == .fp32: .halfToFloat32
    case .float16: .halfToBFloat16
    default: nil
    }
  }
}
