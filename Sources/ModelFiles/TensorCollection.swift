/// The tensors of a model, from one file or several, by the names that Hugging Face has for them.
public protocol TensorCollection: Sendable {
  /// Of all tensors that a model could use, in the order of the files and of the data in them.
  var names: [String] { get }
  /// The files.
  var paths: [String] { get }
  /// The tensor of that name, or nil.
  func tensor(named name: String) -> Tensor?
  /// The tensor of that name where it has to be written anew from elements that lie apart, or nil.
  func assembled(named name: String) -> AssembledTensor?
  /// What the files call the tensor of that name, for messages.
  func storedName(of name: String) -> String
  /// What the files have added to each element of the tensor of that name.
  func addend(of name: String) -> Float
}

extension TensorCollection {
  public func assembled(named name: String) -> AssembledTensor? { nil }
  public func storedName(of name: String) -> String { name }
  public func addend(of name: String) -> Float { 0 }
}
