import JSON
import ModelFiles
import Transformer

/// How a model's weights are stored, as far as a directory without them says: what `config.json` calls
/// their type, and how many bytes the index of absent files counts.
struct AssumedStorage {
  /// What the configuration says; nil for nothing, or for a type that is not supported.
  private let stated: TensorElementType?
  /// Of all tensors; nil where nothing says it.
  private let totalBytes: Int?
  /// Of matrices that are FP8.
  private let quantization: QuantizationScheme?

  /// - Throws: `FileError` where there is an index and it is malformed.
  init(of model: any StoredModel, quantization: QuantizationScheme?) throws {
    self.quantization = quantization
    let configuration = model.configuration
    let name = ["dtype", "torch_dtype"].lazy.compactMap {
      (try? configuration.stringIfPresent($0)) ?? nil
    }.first
    let types: [String: TensorElementType] = [
      "bfloat16": .bfloat16, "float16": .float16, "half": .float16, "float32": .float32,
      "float": .float32,
    ]
    stated = name.flatMap {
      types[$0.hasPrefix("torch.") ? String($0.dropFirst("torch.".count)) : $0]
    }
    if case .index(_, _, let bytes) = try model.tensorPresence() {
      totalBytes = bytes
    } else {
      totalBytes = nil
    }
  }

  /// How many scales a tensor has if it is FP8; nil where it is not.
  func scales(of request: TensorRequest) -> Int? {
    guard let quantization, request.shape.count == 2, quantization.probablyQuantizes(request.name)
    else { return nil }
    let layout = quantization.granularities[0].layout(
      outputs: request.shape[0], inputs: request.shape[1])
    return layout.shapes[0].reduce(1, *)
  }

  /// Of tensors that are not FP8. What the index counts goes before what the configuration says. Where neither tells, the type is
  /// one that has to be converted: who has room for that has room for the others.
  func type(parameters: Int) -> TensorElementType {
    switch (bytesPerElement(parameters: parameters), stated) {
    case (4?, _): .float32
    case (2?, .bfloat16?): .bfloat16
    case (2?, _): .float16
    case (_, let stated?): stated
    case (_, nil): .float16
    }
  }

  /// 2 or 4; nil where the bytes fit neither. A file may have some tensors that the model does not use.
  private func bytesPerElement(parameters: Int) -> Int? {
    guard let totalBytes else { return nil }
    let ratio = Double(totalBytes) / Double(parameters)
    return ratio >= 1.9 && ratio < 2.9 ? 2 : ratio >= 3.9 && ratio < 5 ? 4 : nil
  }

  /// Why that type is assumed, in a clause, and FP8 besides where that is.
  func reason(for type: TensorElementType) -> String {
    guard quantization == nil else {
      return
        "as F8_E4M3 where they are quantized, as config.json says, and \(plainReason(for: type))"
    }
    return plainReason(for: type)
  }

  private func plainReason(for type: TensorElementType) -> String {
    if type == stated { return "as \(type.rawValue), as config.json says" }
    return totalBytes != nil && (type == .float32 || stated != nil)
      ? "as \(type.rawValue), by the bytes that the index counts"
      : "as \(type.rawValue), which must be converted, for nothing says that they need not"
  }
}
