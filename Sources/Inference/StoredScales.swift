import Files
import Kernels
import ModelFiles
import Transformer

/// The scales of a model's FP8 matrices, in tensors beside them.
struct StoredScales {
  let files: any TensorCollection
  /// What the model is called.
  let model: String
  /// Nil where nothing says how they are scaled.
  let scheme: QuantizationScheme?

  /// The scales of a matrix, and the name of the tensor that they are in.
  ///
  /// - Throws: `FileError` where the matrix is one of all experts in one tensor, where there are no scales,
  ///   where they do not fit it, and where inputs have scales, too.
  func scales(
    of content: PlannedTensor.Content, named name: String
  ) throws -> (name: String, values: WeightScales) {
    guard case .file(let matrix, _) = content,
      ExpertTensorName(name) == nil || files.storedName(of: name) == name
    else {
      throw FileError(
        .unsupported,
        "\(model): the tensor '\(files.storedName(of: name))' is FP8 with all experts in one, which is "
          + "not supported; use a checkpoint with a tensor for each expert, or one in BF16")
    }
    guard let scheme, scheme.method == .fp8 else {
      throw malformed(
        matrix,
        "is of type \(matrix.elementType.rawValue), but config.json has no \"quantization_config\" "
          + "that says how it is scaled; fetch both again, or use a checkpoint in BF16")
    }
    let layer = matrix.name.hasSuffix(".weight") ? String(matrix.name.dropLast(7)) : matrix.name
    for name in QuantizationScheme.inputScaleNames
    where files.tensor(named: "\(layer).\(name)") != nil {
      throw FileError(
        .unsupported,
        "\(model): the tensor '\(files.storedName(of: "\(layer).\(name)"))' is a fixed scale of "
          + "inputs, which is not supported; use a checkpoint with dynamic scales, or one in BF16")
    }
    let names = scheme.scaleNames.map { "\(layer).\($0)" }
    guard let tensor = names.lazy.compactMap(files.tensor(named:)).first else {
      throw malformed(
        matrix,
        "is of type \(matrix.elementType.rawValue) and has no scales: there is no tensor "
          + names.map { "'\(files.storedName(of: $0))'" }.joined(separator: " or ")
          + "; fetch the files again")
    }
    return (tensor.name, try scales(tensor, of: matrix, scheme))
  }

  private func scales(
    _ tensor: Tensor, of matrix: Tensor, _ scheme: QuantizationScheme
  ) throws -> WeightScales {
    let inputs = matrix.shape[1]
    let layouts = scheme.granularities.map { $0.layout(outputs: matrix.shape[0], inputs: inputs) }
    guard let layout = layouts.first(where: { $0.shapes.contains(tensor.shape) }) else {
      throw malformed(
        tensor,
        "has the shape \(tensor.shape); \"quantization_config\" asks for "
          + layouts.map { "\($0.shapes[0])" }.joined(separator: " or ") + " for a matrix of "
          + "\(matrix.shape); fetch the model again")
    }
    guard let values = tensor.floats else {
      throw malformed(
        tensor, "has scales of type \(tensor.elementType.rawValue); BF16, F16 and F32 are supported"
      )
    }
    for (index, value) in values.enumerated() where !(value.isFinite && value >= 0) {
      throw malformed(
        tensor,
        "has \(value) as scale \(index); a scale is finite and not negative; fetch the model again")
    }
    return WeightScales(
      values, rowsPerScale: layout.rows, inputsPerScale: layout.inputs, inputs: inputs)
  }

  private func malformed(_ tensor: Tensor, _ problem: String) -> FileError {
    FileError(
      .malformed, "\(model): the tensor '\(files.storedName(of: tensor.name))' \(problem)")
  }
}

extension Tensor {
  /// The elements as float32, which is exact; nil for a type that vectors do not have.
  fileprivate var floats: [Float]? {
    let count = shape.reduce(1, *)
    switch elementType.use(isExact: true, precision: .fp32) {
    case .inPlace(let format):
      return bytes.baseAddress.map { format.floats(at: $0, count: count) } ?? []
    case .converted(let conversion):
      var floats = [Float](repeating: 0, count: count)
      floats.withUnsafeMutableBytes { buffer in
        if let start = buffer.baseAddress { conversion.convert(bytes, 0..<count, into: start) }
      }
      return floats
    case nil: return nil
    }
  }
}
