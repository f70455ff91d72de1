import Files

/// The tensors of a model, from one safetensors file or from several shards.
public struct SafetensorsCollection: TensorCollection {
  /// The names of all tensors: file after file, in each in the order of the data.
  public let names: [String]
  /// The files, shards in the order of their names.
  public let files: [SafetensorsFile]
  public var paths: [String] { files.map(\.path) }
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
  /// Throws `FileError`: as `TensorIndex` does, as `SafetensorsFile` does for each shard, `notFound`
  /// with the index's name where one is missing, `malformed` where the index names a tensor that its
  /// shard does not have or that another shard has too.
  public init(indexPath: String, directory: String) throws {
    let index = try TensorIndex(path: indexPath)
    let (shards, shardOfTensor) = (index.shards, index.shardOfTensor)
    let files = try shards.map { shard in
      do {
        return try SafetensorsFile(path: "\(directory)/\(shard)")
      } catch let error as FileError where error.kind == .notFound {
        let command = HubCache.fetchCommand(forSnapshot: directory).map { " with '\($0)'" } ?? ""
        throw FileError(
          .notFound,
          "\(error.description), or fetch it\(command): \(indexPath) has weights in it")
      }
    }
    try Self.checkForDoubles(files, indexPath: indexPath)
    var names: [String] = []
    var fileIndices: [String: Int] = [:]
    for (fileIndex, (shard, file)) in zip(shards, files).enumerated() {
      for name in file.names where shardOfTensor[name] == shard {
        names.append(name)
        fileIndices[name] = fileIndex
      }
    }
    for (name, shard) in shardOfTensor where fileIndices[name] == nil {
      throw FileError(
        .malformed,
        "\(indexPath): the tensor \"\(name)\" is said to be in \(shard), but it is not there; "
          + "fetch both files again")
    }
    self.files = files
    self.names = names
    self.fileIndices = fileIndices
  }

  /// Throws where two files hold a tensor of one name: which of them is meant would be a guess.
  private static func checkForDoubles(_ files: [SafetensorsFile], indexPath: String) throws {
    var firstFile: [String: String] = [:]
    for file in files {
      for name in file.names {
        if let first = firstFile.updateValue(file.path, forKey: name) {
          throw FileError(
            .malformed,
            "\(indexPath): the tensor \"\(name)\" is in \(first) and in \(file.path); fetch the "
              + "model again")
        }
      }
    }
  }

  /// The tensor of that name, or nil; see `SafetensorsFile.tensor(named:)`.
  public func tensor(named name: String) -> Tensor? {
    fileIndices[name].flatMap { files[$0].tensor(named: name) }
  }
}
