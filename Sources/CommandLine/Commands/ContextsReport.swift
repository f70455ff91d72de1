import ContextFiles
import Foundation
import Ranks
import Reporting

/// `contexts`: a line for each saved context, in the order of the tree that they are.
struct ContextsReport {
  private let format: TableFormat
  private let found: [ContextSearch.Found]
  private let skippedFolders: [String]

  /// - Parameter host: this one's name, as jobs give it.
  /// - Throws: `FileError`; 74 if standard output cannot be written.
  static func run(_ command: ContextsCommand, host: String) throws {
    let search = try ContextSearch(under: command.folder)
    if command.prune {
      return try PruneReport(search).run(as: host, command.format)
    }
    let report = ContextsReport(
      format: command.format, found: search.found, skippedFolders: search.skippedFolders)
    try StandardOutput.write(report.text)
  }

  private var text: String {
    let rows = tree.map { cells(found[$0.index], parent(of: $0.index), depth: $0.depth) }
    let table = rows.isEmpty ? Table(columns: []) : Table(rows: rows)
    guard format == .markdown else {
      return rows.isEmpty && format == .csv ? "" : table.rendered(as: format)
    }
    return (rows.isEmpty ? "" : table.rendered(as: format) + "\n")
      + sentences.map { $0 + "\n" }.joined()
  }

  // MARK: - The tree

  /// All that was found, each behind the one that it extends, if that was found as well.
  private var tree: [(index: Int, depth: Int)] {
    var children: [Int?: [Int]] = [:]
    for index in found.indices { children[parentIndex(of: index), default: []].append(index) }
    var ordered: [(index: Int, depth: Int)] = []
    var waiting = (children[nil] ?? []).reversed().map { (index: $0, depth: 0) }
    while let next = waiting.popLast() {
      ordered.append(next)
      waiting += (children[next.index] ?? []).reversed().map {
        (index: $0, depth: next.depth + 1)
      }
    }
    return ordered
  }

  /// That of the base, where it was found. A manifest's checksum is over that of its base, so there is no
  /// circle.
  private func parentIndex(of index: Int) -> Int? {
    guard let description = found[index].manifest?.description, let base = description.base else {
      return nil
    }
    let parents = found.indices.filter { found[$0].manifest?.checksum == base.manifest }
    return parents.first { found[$0].directory.absolutePath == base.path } ?? parents.first
  }

  /// What a context extends, and where that is: it may have been moved since.
  private struct Parent {
    let path: String
    let tokens: Int
    let state: ContextDescription.Base.State

    var text: String { state == .unchanged ? path : "\(path), \(state.rawValue)" }
  }

  private func parent(of index: Int) -> Parent? {
    guard let base = found[index].manifest?.description.base else { return nil }
    if let parent = parentIndex(of: index) {
      return Parent(
        path: found[parent].directory.path, tokens: base.tokens, state: .unchanged)
    }
    return Parent(path: base.path, tokens: base.tokens, state: base.state)
  }

  // MARK: - Lines

  private func cells(
    _ found: ContextSearch.Found, _ parent: Parent?, depth: Int
  ) -> [Table.Cell] {
    let description = found.manifest?.description
    let model = description.map {
      $0.model.name + ($0.model.randomWeights ? " with random weights" : "")
    }
    let modified = found.modified.map {
      Date(timeIntervalSince1970: TimeInterval($0)).ISO8601Format()
    }
    func size(_ name: String, _ bytes: Int) -> Table.Cell {
      format == .markdown
        ? .decimal(name, Double(bytes) / 1e6, digits: 1, unit: "MB")
        : .integer("\(name)_bytes", bytes)
    }
    let common: [Table.Cell] = [
      .text("model", model), .text("precision", description?.precision),
      .integer("tokens", description?.tokens), size("own", found.usage.ownBytes),
      size("shared", found.usage.sharedBytes),
    ]
    let writer = found.writer
    guard format != .markdown else {
      let branch = depth == 0 ? "" : String(repeating: "  ", count: depth - 1) + "└ "
      let job = writer.map { "process \($0.process) on \($0.host)" }
      return [.text("context", branch + found.directory.path)] + common + [
        .text("prefill", progress(found)), .text("extends", parent?.text), .text("job", job),
        .text("modified", modified),
      ]
    }
    return [.text("path", found.directory.path)] + common + [
      .text("state", stateName(found)), .text("problem", problem(found)),
      .integer("layers", description?.layers),
      .integer("finished_layers", found.manifest?.finishedLayers),
      .text("parent", parent?.path), .integer("parent_tokens", parent?.tokens),
      .text("parent_state", parent?.state.rawValue), .integer("depth", depth),
      .text("host", writer?.host), .integer("process", writer?.process),
      .text("modified", modified),
    ]
  }

  private func progress(_ found: ContextSearch.Found) -> String {
    guard let manifest = found.manifest, !manifest.isFinished else { return stateName(found) }
    return "\(manifest.finishedLayers) of \(manifest.description.layers) layers"
  }

  private func stateName(_ found: ContextSearch.Found) -> String {
    switch found.state {
    case .saved(let manifest): manifest.isFinished ? "finished" : "unfinished"
    case .damaged: "damaged"
    case .begun: found.writer == nil ? "given up" : "begun"
    }
  }

  private func problem(_ found: ContextSearch.Found) -> String? {
    if case .damaged(let error) = found.state { error.description } else { nil }
  }

  private var sentences: [String] {
    let givenUp = found.count { stateName($0) == "given up" }
    let count = found.count { $0.manifest != nil }
    return [count == 1 ? "1 saved context." : "\(count) saved contexts."]
      + found.compactMap(problem).map { "Damaged: \($0)." }
      + (givenUp == 0 ? [] : ["Saves that were given up: \(givenUp); --prune removes them."])
      + (skippedFolders.isEmpty
        ? [] : ["Not entered, of other users or not to be read: \(skippedFolders.count) folders."])
  }
}
