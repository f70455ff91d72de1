import JSON
import Kernels
import ModelFiles
import Transformer

/// `config.json`, or an object in it, as what a model family reads its settings from.
struct JSONConfigurationSource: ConfigurationSource {
  let document: JSONDocument

  var name: String { document.path }
  var keys: [String] { document.keys }

  func has(_ key: String) -> Bool { document.contains(key) }
  func integer(_ key: String) throws -> Int? { try document.integerIfPresent(key) }
  func number(_ key: String) throws -> Double? { try document.numberIfPresent(key) }
  func boolean(_ key: String) throws -> Bool? { try document.booleanIfPresent(key) }
  func string(_ key: String) throws -> String? { try document.stringIfPresent(key) }
  func integers(_ key: String) throws -> [Int]? { try document.integerOrIntegersIfPresent(key) }
  func numbers(_ key: String) throws -> [Double]? { try document.numbersIfPresent(key) }
  func strings(_ key: String) throws -> [String]? { try document.stringsIfPresent(key) }
  func object(_ key: String) throws -> (any ConfigurationSource)? {
    try document.objectIfPresent(key).map(JSONConfigurationSource.init)
  }
}

/// A directory's tensors as what a model family takes its weights from: bfloat16 in place, float32
/// in place for fp32 and rounded once for bf16, float16 widened for fp32 and rounded once for bf16.
struct TensorFileSource: WeightSource {
  let directory: String
  let tensors: SafetensorsCollection
  let precision: Precision

  func tensor(named name: String, shape: [Int]) throws -> TensorView {
    guard let tensor = tensors.tensor(named: name) else {
      throw ModelFileError(
        .malformed,
        "\(directory): has no tensor '\(name)', which the model's configuration asks for")
    }
    guard tensor.shape == shape else {
      throw ModelFileError(
        .malformed,
        "\(directory): the tensor '\(name)' has the shape \(tensor.shape), the configuration asks for "
          + "\(shape)")
    }
    switch tensor.elementType {
    case .bfloat16:
      return view(tensor, .bf16)
    case .float32 where precision == .fp32 || shape.count == 1:
      return view(tensor, .fp32)
    case .float32:
      return converted(tensor, .bf16) { (element: Float) in BFloat16(element) }
    case .float16 where precision == .fp32 || shape.count == 1:
      return converted(tensor, .fp32) { (element: Float16) in Float(element) }
    case .float16:
      return converted(tensor, .bf16) { (element: Float16) in BFloat16(Float(element)) }
    default:
      throw ModelFileError(
        .unsupported,
        "\(directory): the tensor '\(name)' is of type \(tensor.elementType.rawValue); BF16, F16 and "
          + "F32 are supported")
    }
  }

  private func view(_ tensor: Tensor, _ precision: Precision) -> TensorView {
    TensorView(
      name: tensor.name, shape: tensor.shape, precision: precision,
      elements: tensor.bytes.baseAddress!, owner: tensor.owner)
  }

  private func converted<Stored: BitwiseCopyable, Element: BitwiseCopyable>(
    _ tensor: Tensor, _ precision: Precision, _ convert: (Stored) -> Element
  ) -> TensorView {
    let result = ConvertedTensor(tensor.bytes.bindMemory(to: Stored.self), convert)
    return TensorView(
      name: tensor.name, shape: tensor.shape, precision: precision,
      elements: UnsafeRawPointer(result.memory.pointer), owner: result)
  }
}

/// A tensor in another type than its file has.
private final class ConvertedTensor<Element: BitwiseCopyable> {
  let memory: AlignedBuffer<Element>

  init<Stored>(_ elements: UnsafeBufferPointer<Stored>, _ convert: (Stored) -> Element) {
    memory = AlignedBuffer(count: elements.count)
    for index in elements.indices { memory.pointer[index] = convert(elements[index]) }
  }
}
