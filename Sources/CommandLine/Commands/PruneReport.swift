import ContextFiles
import Files
import Foundation
import Ranks
import Reporting

/// `contexts --prune`: a line for each folder from which something was removed.
struct PruneReport {
  private let search: ContextSearch

  init(_ search: ContextSearch) { self.search = search }

  /// Removes what can go; where something cannot be removed, the rest still is.
  ///
  /// - Parameter host: this one's name, as jobs give it.
  /// - Throws: `FileError` of the first folder in which something could not be removed, after all is
  ///   said of the others; 74 if standard output cannot be written.
  func run(as host: String, _ format: TableFormat) throws {
    var rows: [[Table.Cell]] = []
    var bytes = 0
    var failure: FileError?
    for found in search.found {
      do throws(FileError) {
        let holder = ContextLease.Holder(host: host, process: Int(getpid()))
        guard let pruned = try found.directory.prune(as: holder) else { continue }
        bytes += pruned.bytes
        rows.append([
          .text("path", found.directory.path),
          .text("removed", pruned.isWhole ? "folder" : pruned.names.joined(separator: ", ")),
          .integer("freed_bytes", pruned.bytes),
        ])
      } catch {
        failure = failure ?? error
      }
    }
    let table = rows.isEmpty ? Table(columns: []) : Table(rows: rows)
    let text =
      switch format {
      case .markdown:
        (rows.isEmpty ? "" : table.rendered(as: format) + "\n")
          + (rows.isEmpty
            ? "There is nothing to remove.\n" : "\(decimalSize(bytes)) came free.\n")
      case .csv: rows.isEmpty ? "" : table.rendered(as: format)
      case .json, .jsonLines: table.rendered(as: format)
      }
    try StandardOutput.write(text)
    if let failure { throw failure }
  }
}
