import Files
import Kernels
import ModelFiles
import Transformer

/// Where a model's weights come from and what they will take, known before any memory is taken.
public struct WeightPlan: Sendable {
  public enum Origin: String, Sendable, Codable {
    case builtIn = "built_in"
    /// Those that the model's files have.
    case files
    /// Made from the tensors' names; see `RandomWeights`.
    case random
    /// Only the configuration is there.
    case none
  }

  public let origin: Origin
  /// Elements of all tensors that the model asks for, a tied head counted once.
  public let parameters: Int
  /// What the files have in each type of elements, by its name.
  public let storage: [String: StoredAmount]
  /// Bytes of matrices that are used where they lie in mapped files. The ranks of a host share
  /// their pages, which the system takes back and reads again as it needs to.
  public let mappedBytes: Int
  /// Bytes of matrices that are converted or made, once a host, in memory that its ranks share.
  public let sharedBytes: Int
  /// Bytes of norms, biases and scales, of which each rank has a float32 copy.
  public let vectorBytes: Int
  /// How weights that are not there are taken to be stored, in a clause that says why; nil where
  /// nothing is assumed.
  public let assumption: String?
  /// Names of tensors in the files that the model does not use, in the files' order.
  public let unusedTensors: [String]

  /// The files that the weights are in.
  public let paths: [String]

  let tensors: [PlannedTensor]

  init(
    origin: Origin, tensors: [PlannedTensor], assumption: String? = nil,
    unusedTensors: [String] = [], paths: [String] = []
  ) {
    self.origin = origin
    self.paths = paths
    self.tensors = tensors
    self.assumption = assumption
    self.unusedTensors = unusedTensors
    parameters = tensors.reduce(0) { $0 + $1.request.count }
    var storage: [String: StoredAmount] = [:]
    var (mapped, shared, vectors) = (0, 0, 0)
    for tensor in tensors {
      if case .file(let stored, _) = tensor.content {
        storage[stored.elementType.rawValue, default: StoredAmount()].add(stored)
      }
      vectors += tensor.scaleCount * MemoryLayout<Float>.stride
      if tensor.request.isVector {
        vectors += tensor.request.count * MemoryLayout<Float>.stride
      } else if tensor.isShared {
        shared += SharedWeights.paddedBytes(tensor)
      } else {
        mapped += tensor.bytes
      }
    }
    self.storage = storage
    mappedBytes = mapped
    sharedBytes = shared
    vectorBytes = vectors
  }
}

/// What a model's files have in one type, without scales.
public struct StoredAmount: Codable, Equatable, Sendable {
  public private(set) var tensors = 0
  public private(set) var parameters = 0
  public private(set) var bytes = 0

  mutating func add(_ tensor: Tensor) {
    tensors += 1
    parameters += tensor.shape.reduce(1, *)
    bytes += tensor.bytes.count
  }
}

/// One tensor of a plan.
struct PlannedTensor: Sendable {
  enum Content: Sendable {
    case file(Tensor, WeightUse)
    case random(RandomWeights)
    /// In a file that is not there.
    case absent(WeightUse)
  }

  let request: TensorRequest
  let content: Content
  /// What the file has added to each element, of a vector alone.
  var addend: Float = 0
  /// Where they are in the files, and the format has them.
  var scales: WeightScales?
  /// How many there are.
  var scaleCount = 0
  /// What the files call it, where that is another name.
  var storedName: String?

  /// Of the elements as the model uses them.
  var format: WeightFormat {
    switch content {
    case .file(_, .inPlace(let format)), .absent(.inPlace(let format)): format
    case .file(_, .converted(let conversion)), .absent(.converted(let conversion)):
      conversion.result
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

  /// The tensors in a model's files, each of any type that is supported: matrices are used in place
  /// where `precision` multiplies them as they are, and converted otherwise.
  ///
  /// - Parameters:
  ///   - model: what the model is called.
  ///   - quantization: how FP8 matrices are scaled; nil where nothing says it.
  /// - Throws: `FileError`, `ModelError`.
  init(
    files: any TensorCollection, of model: String, configuration: ModelConfiguration,
    quantization: QuantizationScheme?, precision: Precision
  ) throws {
    let scales = StoredScales(files: files, model: model, scheme: quantization)
    var tensors: [PlannedTensor] = []
    var used: Set<String> = []
    for request in try ModelFamilies.tensors(of: configuration) {
      let tensor = try Self.tensor(request, in: files, model)
      guard let use = tensor.elementType.use(isVector: request.isVector, precision: precision)
      else {
        let supported = TensorElementType.supportedNames(
          isVector: request.isVector, precision: precision)
        let isForMatrices =
          tensor.elementType.use(isVector: false, precision: precision) != nil
        throw FileError(
          .unsupported,
          "\(model): the tensor '\(files.storedName(of: request.name))' is of type "
            + "\(tensor.elementType.rawValue); \(supported) are supported"
            + (isForMatrices ? " for a norm or a bias" : ""))
      }
      var planned = PlannedTensor(
        request: request, content: .file(tensor, use), addend: files.addend(of: request.name))
      planned.storedName = files.storedName(of: request.name)
      used.insert(request.name)
      if planned.format.isScaled {
        let (name, values) = try scales.scales(of: tensor)
        planned.scales = values
        planned.scaleCount = values.values.count
        used.insert(name)
      }
      tensors.append(planned)
    }
    self.init(
      origin: .files, tensors: tensors,
      unusedTensors: files.names.filter {
        !used.contains($0)
          && !Self.bearsOnNothing($0, isTied: configuration.vocabulary.isTied)
      }.map(files.storedName), paths: files.paths)
  }

  /// Tensors that files have although nothing reads them: frequencies of RoPE, which follow from the
  /// configuration, and a head that is the embedding, with its scales.
  private static func bearsOnNothing(_ name: String, isTied: Bool) -> Bool {
    name.hasSuffix("rotary_emb.inv_freq") || isTied && name.hasPrefix("lm_head.weight")
  }

  /// What weights would take that are not there.
  ///
  /// - Throws: `ModelError`.
  init(
    absent configuration: ModelConfiguration, as storage: AssumedStorage, precision: Precision
  ) throws {
    let requests = try ModelFamilies.tensors(of: configuration)
    let plain = storage.type(parameters: requests.reduce(0) { $0 + $1.count })
    self.init(
      origin: .none,
      tensors: requests.map {
        let scaleCount = storage.scales(of: $0)
        let type = scaleCount == nil ? plain : .float8e4m3
        guard let use = type.use(isVector: $0.isVector, precision: precision) else {
          preconditionFailure("\(type) is a type that weights are assumed to have")
        }
        return PlannedTensor(
          request: $0, content: .absent(use), scaleCount: scaleCount ?? 0)
      },
      assumption: storage.reason(for: plain))
  }

  private static func tensor(
    _ request: TensorRequest, in files: any TensorCollection, _ model: String
  ) throws -> Tensor {
    let name = files.storedName(of: request.name)
    guard let tensor = files.tensor(named: request.name) else {
      // Of a multimodal checkpoint, or of one that was saved without its head.
      let other = files.names.first {
        $0.hasSuffix("." + request.name) || request.name.hasSuffix("." + $0)
      }
      throw FileError(
        .malformed,
        "\(model): has no tensor '\(name)', which the model's configuration asks for"
          + (other.map { "; its '\($0)' would have to be called so" } ?? ""))
    }
    guard tensor.shape == request.shape else {
      throw FileError(
        .malformed,
        "\(model): the tensor '\(name)' has the shape \(tensor.shape), the configuration asks for "
          + "\(request.shape)")
    }
    return tensor
  }
}
