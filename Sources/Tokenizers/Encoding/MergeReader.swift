import JSON

/// Reads the merges of a model.
struct MergeReader {
  private let path: String
  private let value: JSONValue?
  private let vocabulary: TokenIndex
  private let joins: JoinTable
  private let specialParts: Set<Int32>

  /// - Parameters:
  ///   - joins: takes the tokens that merges make.
  ///   - specialParts: tokens that stand for other text than their own.
  init(
    _ model: JSONDocument, _ vocabulary: TokenIndex, joins: JoinTable, specialParts: Set<Int32>
  ) {
    path = model.path
    value = model.value("merges")
    self.vocabulary = vocabulary
    self.joins = joins
    self.specialParts = specialParts
  }

  /// Throws `TokenizerError.malformed` for what is no merge, and for one that needs a token that
  /// the vocabulary lacks.
  func read() throws -> (table: MergeTable, hasSpecialParts: Bool) {
    guard case .array(let values) = value else {
      throw TokenizerError(
        .malformed,
        "\(path): \"model.merges\" is \(value?.summary ?? "missing"), but an array of merges is "
          + "expected; fetch the file again")
    }
    var table = MergeTable(count: values.count)
    var hasSpecialParts = false
    var merged: [UInt8] = []
    var rank = 0
    for (index, value) in values.enumerated() {
      merged.removeAll(keepingCapacity: true)
      guard let leftCount = try parts(value, index, into: &merged) else { continue }
      let (left, right, id) = try merged.withUnsafeBufferPointer { bytes in
        (
          try identifier(.init(rebasing: bytes[..<leftCount]), index),
          try identifier(.init(rebasing: bytes[leftCount...]), index),
          try identifier(bytes, index)
        )
      }
      table.insert(left, right, rank: rank, id: id)
      rank += 1
      if specialParts.contains(left) || specialParts.contains(right) { hasSpecialParts = true }
      if !joins.isByteLevel {
        joins.insert(merged)
      } else if let bytes = ByteLevel.bytes(ofToken: merged) {
        joins.insert(bytes)
      }
    }
    return (table, hasSpecialParts)
  }

  /// Puts both parts of the merge `index` into `merged`; gives the length of the left one, or nil
  /// for a line that is no merge but the version of the file that they came from.
  private func parts(
    _ value: JSONValue, _ index: Int, into merged: inout [UInt8]
  ) throws -> Int? {
    let malformed = TokenizerError(
      .malformed,
      "\(path): merge \(index) of \"model.merges\" does not consist of two tokens; fetch the file "
        + "again")
    let leftCount: Int
    switch value {
    case .string(let line):
      if line.utf8.starts(with: "#version".utf8) { return nil }
      merged += line.utf8
      guard let space = merged.firstIndex(of: UInt8(ascii: " ")) else { throw malformed }
      merged.remove(at: space)
      if merged.contains(UInt8(ascii: " ")) { throw malformed }
      leftCount = space
    case .array(let parts):
      guard parts.count == 2, case .string(let left) = parts[0], case .string(let right) = parts[1]
      else { throw malformed }
      merged += left.utf8
      leftCount = merged.count
      merged += right.utf8
    default: throw malformed
    }
    guard leftCount > 0, leftCount < merged.count else { throw malformed }
    return leftCount
  }

  private func identifier(_ token: UnsafeBufferPointer<UInt8>, _ index: Int) throws -> Int32 {
    if let id = vocabulary.identifier(of: token) { return id }
    throw TokenizerError(
      .malformed,
      "\(path): merge \(index) needs the token \"\(String(decoding: token, as: UTF8.self))\", which "
        + "the vocabulary lacks; fetch the file again")
  }
}
