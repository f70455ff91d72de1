import JSON
import Kernels
import ModelFiles
import Transformer

/// How a model's weights are stored, as far as a directory without them says: what `config.json` calls
/// their type, and how many bytes the index of absent files counts.
struct AssumedStorage {
  /// What the configuration says; nil for nothing, or for a type that is not supported.
  private let stated: TensorElementType?
  /// Of all tensors; nil where nothing says it.
  private let totalBytes: Int?
  /// Of matrices that are quantized.
  private let quantization: QuantizationScheme?

  /// - Throws: `FileError` where there is an index and it is malformed.
  init(of model: any StoredModel, quantization: QuantizationScheme?) throws {
    self.quantization = quantization
    // In some files of multimodal models it is only the text part that says it.
    let text = (try? model.configuration.objectIfPresent("text_config")) ?? nil
    let name = [model.configuration, text].lazy.compactMap(\.self).flatMap { configuration in
      ["dtype", "torch_dtype"].compactMap { (try? configuration.stringIfPresent($0)) ?? nil }
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

  /// What becomes of a tensor, and how many scales it has.
  ///
  /// - Parameter type: of what is not quantized.
  func use(
    of request: TensorRequest, otherwise type: TensorElementType, _ precision: Precision
  ) -> (use: PlannedTensor.AbsentUse, scales: Int) {
    if let quantization, request.shape.count == 2, !request.isExact,
      quantization.probablyQuantizes(request.name)
    {
      switch quantization.method {
      case .fp8:
        let layout = quantization.granularities[0].layout(
          outputs: request.shape[0], inputs: request.shape[1])
        return (.init(format: .fp8E4M3, isMade: false), layout.shapes[0].reduce(1, *))
      case .mxfp4: return (.init(format: .mxfp4, isMade: true), 0)
      }
    }
    let isExact = request.isVector || request.isExact
    guard let use = type.use(isExact: isExact, precision: precision) else {
      preconditionFailure("\(type) is a type that weights are assumed to have")
    }
    let isMade = if case .converted = use { true } else { false }
    return (.init(format: use.format, isMade: isMade), 0)
  }

  /// Of tensors that are not quantized. What the index counts goes before what the configuration says. Where neither tells, the type is
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

  /// Why that type is assumed, in a clause, and that of quantized ones besides where there are some.
  func reason(for type: TensorElementType) -> String {
    guard let quantization else { return plainReason(for: type) }
    let quantized: TensorElementType = quantization.method == .fp8 ? .float8e4m3 : .mxfp4
    return "as \(quantized.rawValue) where they are quantized, as config.json says, and "
      + plainReason(for: type)
  }

  private func plainReason(for type: TensorElementType) -> String {
    if type == stated { return "as \(type.rawValue), as config.json says" }
    return totalBytes != nil && (type == .float32 || stated != nil)
      ? "as \(type.rawValue), by the bytes that the index counts"
      : "as \(type.rawValue), which must be converted, for nothing says that they need not"
  }
}
