import JSON

/// Reads the merges that a file lists, the first to be applied first.
struct MergeReader {
  private let path: String
  private let vocabulary: TokenIndex
  /// The list's name in the file.
  private let key: String

  init(_ vocabulary: TokenIndex, path: String, key: String) {
    self.path = path
    self.vocabulary = vocabulary
    self.key = key
  }

  /// The merges of a model of a `tokenizer.json`.
  ///
  /// Throws `TokenizerError.malformed` for what is no merge, and for one that needs a token that
  /// the vocabulary lacks.
  static func merges(_ model: JSONDocument, _ vocabulary: TokenIndex) throws -> [Merge] {
    let value = model.value("merges")
    guard case .array(let values) = value else {
      throw TokenizerError(
        .malformed,
        "\(model.path): \"model.merges\" is \(value?.summary ?? "missing"), but an array of merges "
          + "is expected; fetch the file again")
    }
    let reader = MergeReader(vocabulary, path: model.path, key: "model.merges")
    return try reader.read(values) { value, index, merged in
      try reader.parts(value, index, into: &merged)
    }
  }

  /// Merges written as two tokens with a space between them, as bytes.
  ///
  /// Throws `TokenizerError.malformed` as `merges`.
  func merges(lines: [[UInt8]]) throws -> [Merge] {
    try read(lines) { line, index, merged in try parts(line, index, into: &merged) }
  }

  /// - Parameter parts: puts both parts of a merge into its last argument; gives the length of the
  ///   left one, or nil for what is to be left out.
  private func read<Value>(
    _ values: [Value], _ parts: (Value, Int, inout [UInt8]) throws -> Int?
  ) throws -> [Merge] {
    var merges: [Merge] = []
    merges.reserveCapacity(values.count)
    var merged: [UInt8] = []
    for (index, value) in values.enumerated() {
      merged.removeAll(keepingCapacity: true)
      guard let leftCount = try parts(value, index, &merged) else { continue }
      let rank = Int32(merges.count)
      merges.append(
        try merged.withUnsafeBufferPointer { bytes in
          Merge(
            left: try identifier(.init(rebasing: bytes[..<leftCount]), index),
            right: try identifier(.init(rebasing: bytes[leftCount...]), index),
            token: try identifier(bytes, index), rank: rank)
        })
    }
    return merges
  }

  /// Puts both parts of the merge `index` into `merged`; gives the length of the left one, or nil
  /// for a line that is no merge but the version of the file that they came from.
  private func parts(
    _ value: JSONValue, _ index: Int, into merged: inout [UInt8]
  ) throws -> Int? {
    switch value {
    case .string(let line):
      if line.utf8.starts(with: "#version".utf8) { return nil }
      return try parts(line.utf8, index, into: &merged)
    case .array(let parts):
      guard parts.count == 2, case .string(let left) = parts[0], case .string(let right) = parts[1],
        !left.isEmpty, !right.isEmpty
      else { throw malformed(index) }
      merged += left.utf8
      merged += right.utf8
      return left.utf8.count
    default: throw malformed(index)
    }
  }

  /// The same of a merge that is written as two tokens with a space between them.
  private func parts(
    _ line: some Sequence<UInt8>, _ index: Int, into merged: inout [UInt8]
  ) throws -> Int {
    merged += line
    guard let space = merged.firstIndex(of: UInt8(ascii: " ")) else { throw malformed(index) }
    merged.remove(at: space)
    guard !merged.contains(UInt8(ascii: " ")), space > 0, space < merged.count else {
      throw malformed(index)
    }
    return space
  }

  private func malformed(_ index: Int) -> TokenizerError {
    TokenizerError(
      .malformed,
      "\(path): merge \(index) of \"\(key)\" does not consist of two tokens; fetch the file again")
  }

  private func identifier(_ token: UnsafeBufferPointer<UInt8>, _ index: Int) throws -> Int32 {
    if let id = vocabulary.identifier(of: token) { return id }
    throw TokenizerError(
      .malformed,
      "\(path): merge \(index) needs the token \"\(String(decoding: token, as: UTF8.self))\", which "
        + "the vocabulary lacks; fetch the file again")
  }
}
