import Foundation

extension Table {
  /// The table as text that ends with a newline; JSON lines without rows are empty.
  public func rendered(as format: TableFormat) -> String {
    switch format {
    case .markdown: markdown()
    case .csv: csv()
    case .json: rows.isEmpty ? "[]\n" : "[\n\(rows.map(object).joined(separator: ",\n"))\n]\n"
    case .jsonLines: rows.map { object($0) + "\n" }.joined()
    }
  }

  private func markdown() -> String {
    let heading = columns.map { column in
      escaped(column.unit.isEmpty ? column.name : "\(column.name) (\(column.unit))")
    }
    let body = rows.map { row in zip(columns, row).map { forPeople($1, in: $0) } }
    // Markdown wants at least three dashes in the ruler.
    let widths = columns.indices.map { index in
      ([heading] + body).map { $0[index].count }.reduce(3, max)
    }
    func line(_ cells: [String]) -> String {
      let padded = columns.indices.map { index in
        let space = String(repeating: " ", count: widths[index] - cells[index].count)
        return columns[index].kind == .text ? cells[index] + space : space + cells[index]
      }
      return "| \(padded.joined(separator: " | ")) |\n"
    }
    let ruler = columns.indices.map { index in
      let dashes = String(repeating: "-", count: widths[index] - 1)
      return columns[index].kind == .text ? dashes + "-" : dashes + ":"
    }
    return line(heading) + line(ruler) + body.map(line).joined()
  }

  private func csv() -> String {
    let heading = columns.flatMap { column in column.fieldNames.map(quoted) }
    let body = rows.map { row in zip(columns, row).flatMap(csvFields) }
    return ([heading] + body).map { $0.joined(separator: ",") + "\n" }.joined()
  }

  private func object(_ row: [Value]) -> String {
    let members = zip(columns, row).flatMap { column, value in
      let texts =
        switch value {
        case .text(let text): [JSONText.string(text)]
        case .integer(let number): ["\(number)"]
        case .decimal(let number): [JSONText.number(number)]
        case .measured(let mean, let deviation): [mean, deviation].map(JSONText.number)
        case .missing: column.fieldNames.map { _ in "null" }
        }
      return zip(column.fieldNames, texts).map { "\(JSONText.string($0)):\($1)" }
    }
    return "{\(members.joined(separator: ","))}"
  }

  private func forPeople(_ value: Value, in column: Column) -> String {
    switch value {
    case .text(let text): escaped(text)
    case .integer(let number): "\(number)"
    case .decimal(let number): decimal(number, in: column)
    case .measured(let mean, let deviation):
      mean.isFinite
        ? "\(decimal(mean, in: column)) ± \(decimal(deviation, in: column))" : "-"
    case .missing: "-"
    }
  }

  private func decimal(_ number: Double, in column: Column) -> String {
    number.isFinite ? String(format: "%.\(column.digits)f", number) : "-"
  }

  private func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "|", with: "\\|").split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline
    ).joined(separator: " ")
  }

  private func csvFields(_ column: Column, _ value: Value) -> [String] {
    func field(_ number: Double) -> String { number.isFinite ? "\(number)" : "" }
    return switch value {
    case .text(let text): [quoted(text)]
    case .integer(let number): ["\(number)"]
    case .decimal(let number): [field(number)]
    case .measured(let mean, let deviation): [field(mean), field(deviation)]
    case .missing: column.fieldNames.map { _ in "" }
    }
  }

  /// RFC 4180: a field with a comma, a quote or a line break stands in quotes, its quotes doubled.
  private func quoted(_ text: String) -> String {
    let special: Set<Unicode.Scalar> = [",", "\"", "\n", "\r"]
    guard text.unicodeScalars.contains(where: special.contains) else { return text }
    return "\"\(text.replacingOccurrences(of: "\"", with: "\"\""))\""
  }
}

extension Table.Column {
  /// What programs call it: a measured mean is followed by its standard deviation.
  fileprivate var fieldNames: [String] {
    kind == .measured ? [name, "\(name)_stddev"] : [name]
  }
}
