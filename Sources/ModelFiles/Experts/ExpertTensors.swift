import Files

/// A model's tensors with those of its experts one by one, be they so in the files or all experts of a
/// layer in one tensor.
///
/// Single ones are called `PREFIX.experts.E.gate_proj.weight`, `up_proj` and `down_proj`, or what Mixtral
/// calls them. Of a tensor with all of them they are slices in place, where their rows lie in it, and
/// otherwise tensors to be assembled.
public struct ExpertTensors: TensorCollection {
  /// More than any model has; a bound for files that are nonsense.
  private static let mostTensors = 1 << 20

  /// The tensors of the files, in the place of one with all experts its single ones.
  public let names: [String]
  private let files: any TensorCollection
  private let fused: [FusedExperts]
  private let places: [String: Place]
  /// From a name that is asked for to the files' own.
  private let aliases: [String: String]

  private struct Place {
    let fused: Int
    let part: Int
    let expert: Int
  }

  /// - Parameter model: what the model is called.
  /// - Throws: `FileError` where a tensor with all experts has no shape of one, and where MXFP4 has blocks
  ///   without scales or scales without blocks.
  public init(
    _ files: any TensorCollection, layout: ExpertLayout, of model: String
  ) throws {
    self.files = files
    var (names, fused, aliases) = ([String](), [FusedExperts](), [String: String]())
    var places: [String: Place] = [:]
    for name in files.names {
      if layout == .columns, let blocks = FusedName.blocks(ofScales: name) {
        guard files.tensor(named: blocks) == nil else { continue }
        throw FileError(
          .malformed,
          "\(model): the tensor '\(name)' has scales of MXFP4, but there is no '\(blocks)' that they "
            + "are for; fetch the files again")
      }
      guard let form = FusedName(name, layout), let stored = files.tensor(named: name) else {
        let asked = Self.alias(of: name, layout)
        if let asked { aliases[asked] = name }
        names.append(asked ?? name)
        continue
      }
      let experts = try FusedExperts(stored, form, in: files, of: model)
      guard experts.experts <= Self.mostTensors - places.count else {
        throw FileError(
          .unsupported,
          "\(model): the tensor '\(name)' has the shape \(stored.shape), and with it there are more "
            + "than \(Self.mostTensors) experts, which is not supported; fetch the files again")
      }
      for (index, part) in experts.parts.enumerated() {
        for expert in 0..<experts.experts {
          let single = experts.prefix + String(expert) + part.suffix
          names.append(single)
          places[single] = Place(fused: fused.count, part: index, expert: expert)
        }
      }
      fused.append(experts)
    }
    self.names = names
    self.fused = fused
    self.places = places
    self.aliases = aliases
  }

  /// What a router's tensor is asked for as, where the files call it otherwise.
  private static func alias(of name: String, _ layout: ExpertLayout) -> String? {
    let (stored, asked) = (".mlp.gate.weight", ".block_sparse_moe.gate.weight")
    return layout == .renamedRows && name.hasSuffix(stored)
      ? name.dropLast(stored.count) + asked : nil
  }

  public var paths: [String] { files.paths }

  public func tensor(named name: String) -> Tensor? {
    guard let place = places[name] else { return files.tensor(named: aliases[name] ?? name) }
    let fused = fused[place.fused]
    return fused.tensor(fused.parts[place.part], of: place.expert, named: name)
  }

  public func assembled(named name: String) -> AssembledTensor? {
    guard let place = places[name] else { return files.assembled(named: name) }
    let fused = fused[place.fused]
    return fused.assembled(fused.parts[place.part], of: place.expert, named: name)
  }

  /// Of one expert among all: `model.layers.0.mlp.experts.down_proj[5]`.
  public func storedName(of name: String) -> String {
    guard let place = places[name] else { return files.storedName(of: aliases[name] ?? name) }
    return "\(files.storedName(of: fused[place.fused].storedName))[\(place.expert)]"
  }

  public func addend(of name: String) -> Float { files.addend(of: name) }
}
