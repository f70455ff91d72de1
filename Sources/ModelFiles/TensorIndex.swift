import Files
import JSON

/// `model.safetensors.index.json`: which of a model's tensors is in which file beside it.
struct TensorIndex {
  let path: String
  /// For each tensor the name of its file; at least one.
  let shardOfTensor: [String: String]
  /// The bytes of all tensors; nil where the index does not say.
  let totalBytes: Int?

  /// The files, in the order of their names.
  var shards: [String] { Set(shardOfTensor.values).sorted() }

  /// Throws `FileError`: as `JSONDocument` does, `malformed` where the index names no tensors, or
  /// something other than a file beside it.
  init(path: String) throws {
    (shardOfTensor, totalBytes) = try FileError.readingJSON { try Self.read(path) }
    self.path = path
    guard !shardOfTensor.isEmpty else {
      throw FileError(.malformed, "\(path): \"weight_map\" names no tensors; fetch the file again")
    }
  }

  private static func read(_ path: String) throws -> ([String: String], Int?) {
    let index = try JSONDocument(path: path)
    let map = try index.object("weight_map")
    var shardOfTensor: [String: String] = [:]
    for name in map.keys {
      let shard = try map.string(name)
      guard !shard.isEmpty, shard != ".", shard != "..",
        !shard.utf8.contains(where: { $0 == 0 || $0 == 0x2f })
      else {
        throw FileError(
          .malformed,
          "\(path): the tensor \"\(name)\" is said to be in \"\(shard)\", which is no "
            + "plain file name; correct the index")
      }
      shardOfTensor[name] = shard
    }
    // Nothing needs it where the shards are there, so it may be anything.
    let metadata = (try? index.objectIfPresent("metadata")) ?? nil
    let totalBytes = (try? metadata?.integerIfPresent("total_size", in: 1 ... .max)) ?? nil
    return (shardOfTensor, totalBytes)
  }
}
