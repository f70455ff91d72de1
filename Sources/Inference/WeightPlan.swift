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
      if let type = tensor.content.storedType {
        storage[type.rawValue, default: StoredAmount()].add(tensor.request.shape, of: type)
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

  /// A tensor that is in the files, so that its bytes can be counted.
  mutating func add(_ shape: [Int], of type: TensorElementType) {
    tensors += 1
    parameters += shape.reduce(1, *)
    bytes += type.byteCount(shape: shape) ?? 0
  }
}

/// One tensor of a plan.
struct PlannedTensor: Sendable {
  enum Content: Sendable {
    case file(Tensor, WeightUse)
    /// Written anew from elements that lie apart in the files, and then converted where the use says so.
    case assembled(AssembledTensor, WeightUse)
    case random(RandomWeights)
    /// In a file that is not there.
    case absent(AbsentUse)

    /// What the files have, nil where there are none.
    var storedType: TensorElementType? {
      switch self {
      case .file(let tensor, _): tensor.elementType
      case .assembled(let tensor, _): tensor.elementType
      case .random, .absent: nil
      }
    }
  }

  /// What would become of weights in a file that is not there.
  struct AbsentUse: Sendable {
    let format: WeightFormat
    /// Whether they would be written anew.
    let isMade: Bool
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
    case .file(_, let use), .assembled(_, let use): use.format
    case .absent(let use): use.format
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
  ///   - quantization: how quantized matrices are stored; nil where nothing says it.
  /// - Throws: `FileError`, `ModelError`.
  init(
    files: any TensorCollection, of model: String, configuration: ModelConfiguration,
    quantization: QuantizationScheme?, precision: Precision
  ) throws {
    try self.init(
      files: files, of: model, requests: ModelFamilies.tensors(of: configuration),
      ignoring: ModelFamilies.unusedPrefixes(of: configuration), quantization: quantization,
      precision: precision)
  }

  /// The same of the tensors that are listed.
  ///
  /// - Parameter unusedPrefixes: beginnings of the names of tensors that need not be used.
  package init(
    files: any TensorCollection, of model: String, requests: [TensorRequest],
    ignoring unusedPrefixes: [String],
    quantization: QuantizationScheme?, precision: Precision
  ) throws {
    let scales = StoredScales(files: files, model: model, scheme: quantization)
    var tensors: [PlannedTensor] = []
    var used: Set<String> = []
    for request in requests {
      let content = try PlannedTensor.Content(request, in: files, of: model, precision)
      var planned = PlannedTensor(
        request: request, content: content, addend: files.addend(of: request.name))
      planned.storedName = files.storedName(of: request.name)
      used.insert(request.name)
      if planned.format.isScaled {
        let (name, values) = try scales.scales(of: content, named: request.name)
        planned.scales = values
        planned.scaleCount = values.values.count
        used.insert(name)
      }
      tensors.append(planned)
    }
    self.init(
      origin: .files, tensors: tensors,
      unusedTensors: files.names.filter { name in
        // RoPE's frequencies follow from the configuration.
        !used.contains(name) && !name.hasSuffix("rotary_emb.inv_freq")
          && !unusedPrefixes.contains { name.hasPrefix($0) }
      }.map(files.storedName), paths: files.paths)
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
        let (use, scaleCount) = storage.use(of: $0, otherwise: plain, precision)
        return PlannedTensor(request: $0, content: .absent(use), scaleCount: scaleCount)
      },
      assumption: storage.reason(for: plain))
  }
}
