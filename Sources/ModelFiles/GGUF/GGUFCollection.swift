import Files

/// The tensors of a GGUF model under the file's own names, from one file or from all parts of one that
/// was split.
struct GGUFCollection: Sendable {
  /// In the order of their numbers.
  let files: [GGUFFile]
  /// File after file, in each in the order of the data.
  let names: [String]
  private let places: [String: (file: Int, entry: Int)]

  /// What the first part says of the model.
  var metadata: GGUFMetadata { files[0].metadata }

  /// - Parameter path: of the file, or of any part.
  ///
  /// Throws `FileError`: as `GGUFFile` does for each part, `notFound` where one is missing, `malformed`
  /// where they do not belong together.
  init(path: String) throws {
    let file = try GGUFFile(path: path)
    let count = try file.metadata.integer(Key.count) ?? 1
    files = count <= 1 ? [file] : try Self.parts(file, count: count)
    var names: [String] = []
    var places: [String: (file: Int, entry: Int)] = [:]
    for (fileIndex, file) in files.enumerated() {
      for (index, entry) in file.entries.enumerated() {
        if let first = places.updateValue((fileIndex, index), forKey: entry.name) {
          throw file.metadata.malformed(
            "the tensor \(entry.name.debugDescription) is in \(files[first.file].path), too")
        }
        names.append(entry.name)
      }
    }
    self.names = names
    self.places = places
    let metadata = files[0].metadata
    if let expected = try metadata.integer(Key.tensors), count > 1, expected != names.count {
      throw metadata.malformed(
        "\"\(Key.tensors)\" says \(expected) tensors, but the \(count) parts have \(names.count)")
    }
  }

  /// What the table says of the tensor of that name; nil where there is none.
  func entry(_ name: String) -> GGUFEntry? {
    places[name].map { files[$0.file].entries[$0.entry] }
  }

  /// The tensor that the files call `name`, called `alias`.
  func tensor(_ name: String, as alias: String) -> Tensor? {
    places[name].map { files[$0.file].tensor(files[$0.file].entries[$0.entry], named: alias) }
  }

  private enum Key {
    static let number = "split.no"
    static let count = "split.count"
    static let tensors = "split.tensors.count"
  }

  private static func parts(_ file: GGUFFile, count: Int) throws -> [GGUFFile] {
    guard let name = GGUFName(part: file.path), name.count == count else {
      throw file.metadata.malformed(
        "\"\(Key.count)\" says that it is one of \(count) parts, but its name does not end in "
          + "-NUMBER-of-\(count).gguf with five digits each; give all parts their names again")
    }
    return try name.parts.enumerated().map { index, path in
      let part: GGUFFile
      do {
        part = path == file.path ? file : try GGUFFile(path: path)
      } catch let error as FileError where error.kind == .notFound {
        throw FileError(
          .notFound, "\(path): is missing, and \(file.path) is one of \(count) parts; fetch it, too"
        )
      }
      let (number, parts) = (
        try part.metadata.integer(Key.number), try part.metadata.integer(Key.count)
      )
      guard number == index, parts == count else {
        throw part.metadata.malformed(
          "by its name it is part \(index + 1) of \(count), but \"\(Key.number)\" is "
            + "\(number.map(String.init) ?? "absent") and \"\(Key.count)\" is "
            + "\(parts.map(String.init) ?? "absent")")
      }
      return part
    }
  }
}
