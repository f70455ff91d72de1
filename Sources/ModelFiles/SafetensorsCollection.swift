import JSON

/// The tensors of a model, from one safetensors file or from several shards.
public struct SafetensorsCollection: Sendable {
  /// The names of all tensors: file after file, in each in the order of the data.
  public let names: [String]
  /// The files, shards in the order of their names.
  public let files: [SafetensorsFile]
  /// For each tensor's name the index of its file.
  private let fileIndices: [String: Int]

  /// The tensors of the single file at `path`. Throws as `SafetensorsFile` does.
  public init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    files = [file]
    names = file.names
    fileIndices = Dictionary(uniqueKeysWithValues: file.names.map { ($0, 0) })
  }

  /// The tensors that the `weight_map` of a `model.safetensors.index.json` names, from the shards
  /// in the same directory.
  ///
  /// Throws `ModelFileError`: as `SafetensorsFile` does for each shard (`notFound` where one is
  /// missing), `malformed` where the index names something other than a file beside it, or a tensor
  /// that its shard does not have.
  public init(indexPath: String, directory: String) throws {
    let shardOfTensor = try ModelFileError.readingJSON { try Self.shards(indexPath: indexPath) }
    guard !shardOfTensor.isEmpty else {
      throw ModelFileError(
        .malformed, "\(indexPath): \"weight_map\" names no tensors; fetch the file again")
    }

    let shards = Set(shardOfTensor.values).sorted()
    let files = try shards.map { try SafetensorsFile(path: "\(directory)/\($0)") }
    var names: [String] = []
    var fileIndices: [String: Int] = [:]
    for (fileIndex, (shard, file)) in zip(shards, files).enumerated() {
      for name in file.names where shardOfTensor[name] == shard {
        names.append(name)
        fileIndices[name] = fileIndex
      }
    }
    for (name, shard) in shardOfTensor where fileIndices[name] == nil {
      throw ModelFileError(
        .malformed,
        "\(indexPath): the tensor \"\(name)\" is said to be in \(shard), but it is not there; "
          + "fetch both files again")
    }
    self.files = files
    self.names = names
    self.fileIndices = fileIndices
  }

  /// For each tensor the name of its shard.
  private static func shards(indexPath: String) throws -> [String: String] {
    let index = try JSONDocument(path: indexPath)
    let map = try index.object("weight_map")
    var shardOfTensor: [String: String] = [:]
    for name in map.keys {
      let shard = try map.string(name)
      guard !shard.isEmpty, shard != ".", shard != "..",
        !shard.utf8.contains(where: { $0 == 0 || $0 == 0x2f })
      else {
        throw ModelFileError(
          .malformed,
          "\(indexPath): the tensor \"\(name)\" is said to be in \"\(shard)\", which is no "
            + "plain file name; correct the index")
      }
      shardOfTensor[name] = shard
    }
    return shardOfTensor
  }

  /// The tensor of that name, or nil; see `SafetensorsFile.tensor(named:)`.
  public func tensor(named name: String) -> Tensor? {
    fileIndices[name].flatMap { files[$0].tensor(named: name) }
  }
}
