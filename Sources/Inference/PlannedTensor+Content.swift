import Files
import Kernels
import ModelFiles
import Transformer

extension PlannedTensor.Content {
  /// What the files have for a request, and what becomes of it.
  ///
  /// - Parameter model: what the model is called.
  /// - Throws: `FileError` where there is no such tensor, or it has another shape or a type that is not
  ///   supported.
  init(
    _ request: TensorRequest, in files: any TensorCollection, of model: String,
    _ precision: Precision
  ) throws {
    func use(_ type: TensorElementType, shape: [Int]) throws -> WeightUse {
      guard shape == request.shape else {
        throw FileError(
          .malformed,
          "\(model): the tensor '\(files.storedName(of: request.name))' has the shape \(shape), the "
            + "configuration asks for \(request.shape)")
      }
      return try type.use(of: request, in: files, of: model, precision)
    }
    if let tensor = files.tensor(named: request.name) {
      self = .file(tensor, try use(tensor.elementType, shape: tensor.shape))
    } else if let tensor = files.assembled(named: request.name) {
      self = .assembled(tensor, try use(tensor.elementType, shape: tensor.shape))
    } else {
      throw Self.absence(of: request.name, in: files, model)
    }
  }

  private static func absence(
    of request: String, in files: any TensorCollection, _ model: String
  ) -> FileError {
    let start = "\(model): has no tensor '\(files.storedName(of: request))', which the model's "
    if let expert = ExpertTensorName(request) {
      let siblings = files.names.count {
        ExpertTensorName($0).map(expert.isSibling) ?? false
      }
      return FileError(
        .malformed,
        start
          + "configuration asks for: of '\(expert.prefix)E\(expert.suffix)' there are \(siblings), "
          + "and the first that is missing is that of expert \(expert.expert)")
    }
    // Of a multimodal checkpoint, or of one that was saved without its head.
    let other = files.names.first {
      $0.hasSuffix("." + request) || request.hasSuffix("." + $0)
    }
    return FileError(
      .malformed,
      start + "configuration asks for"
        + (other.map { "; its '\($0)' would have to be called so" } ?? ""))
  }
}

extension TensorElementType {
  /// - Throws: `FileError` where the type is not supported for the request.
  fileprivate func use(
    of request: TensorRequest, in files: any TensorCollection, of model: String,
    _ precision: Precision
  ) throws -> WeightUse {
    let isExact = request.isVector || request.isExact
    if let use = use(isExact: isExact, precision: precision) { return use }
    let supported = TensorElementType.supportedNames(isExact: isExact, precision: precision)
    let isForMatrices = use(isExact: false, precision: precision) != nil
    throw FileError(
      .unsupported,
      "\(model): the tensor '\(files.storedName(of: request.name))' is of type "
        + "\(rawValue); \(supported) are supported"
        + (!isForMatrices ? "" : request.isVector ? " for a norm or a bias" : " for a router"))
  }
}
