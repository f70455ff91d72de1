import Files
import ModelFiles
import Transformer

/// The tensors of a multimodal model's text part, by the names that its text model has for them. All
/// others are passed over.
struct TextTensors: TensorCollection {
  private let files: any TensorCollection
  let names: [String]
  /// For each name, that in the files.
  private let storedNames: [String: String]

  /// - Parameter model: what the model is called.
  /// - Throws: `FileError` where two tensors would have one name.
  init(_ files: any TensorCollection, of model: String) throws {
    var names: [String] = []
    var storedNames: [String: String] = [:]
    for stored in files.names {
      guard let name = TextTensorNames.textName(of: stored) else { continue }
      if let other = storedNames.updateValue(stored, forKey: name) {
        throw FileError(
          .malformed,
          "\(model): the tensors '\(other)' and '\(stored)' would both be the text model's "
            + "'\(name)'; fetch the model again")
      }
      names.append(name)
    }
    self.files = files
    self.names = names
    self.storedNames = storedNames
  }

  var paths: [String] { files.paths }

  func tensor(named name: String) -> Tensor? {
    guard let stored = storedNames[name], let tensor = files.tensor(named: stored) else {
      return nil
    }
    return Tensor(
      name: name, elementType: tensor.elementType, shape: tensor.shape, bytes: tensor.bytes,
      owner: tensor.owner)
  }

  func assembled(named name: String) -> AssembledTensor? {
    storedNames[name].flatMap(files.assembled)
  }

  func storedName(of name: String) -> String {
    if let stored = storedNames[name] { return files.storedName(of: stored) }
    // Of one that is missing: as the files name the others.
    let sample = names.first { $0.hasPrefix("model.") }.flatMap { storedNames[$0] }
    return sample.map { TextTensorNames.storedName(of: name, like: $0) } ?? name
  }

  func addend(of name: String) -> Float {
    storedNames[name].map(files.addend) ?? 0
  }
}
