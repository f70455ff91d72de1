import Files
import Foundation
import SystemPackage

extension ModelDirectory {
  /// Writes a model directory at `path`, creating it and the directories above it where they are
  /// missing.
  ///
  /// Each file appears whole or not at all, and `config.json` last, so that a directory that was
  /// not finished is not taken for a model. With `overwrite`, files of the same names are replaced;
  /// other files are left as they are.
  ///
  /// Throws `FileError.writeFailed`, before anything is written where a file is there and
  /// `overwrite` is false.
  public static func write(
    to path: String, configuration: Data, generationConfiguration: Data? = nil,
    tokenizer: Data? = nil, tensors: [Tensor], metadata: [String: String] = [:],
    overwrite: Bool = false
  ) throws {
    var texts: [(name: String, content: Data)] = []
    if let tokenizer { texts.append((FileName.tokenizer, tokenizer)) }
    if let generationConfiguration {
      texts.append((FileName.generationConfiguration, generationConfiguration))
    }
    texts.append((FileName.configuration, configuration))

    if !overwrite {
      for name in [FileName.tensors] + texts.map(\.name)
      where FilePath(text: "\(path)/\(name)").exists {
        throw FileError(
          .writeFailed,
          "\(path)/\(name): is there already; name another directory or allow to overwrite"
        )
      }
    }
    try Errno.explained {
      try FilePath(text: path).makeFolders()
    } by: {
      FileError(
        .writeFailed, path, "the directory cannot be created", $0,
        "check the path and its permissions")
    }
    try SafetensorsWriter.write(tensors, metadata: metadata, to: "\(path)/\(FileName.tensors)")
    for (name, content) in texts {
      let file = try ReplacementFile(path: "\(path)/\(name)")
      try file.append(content)
      try file.commit()
    }
  }
}
