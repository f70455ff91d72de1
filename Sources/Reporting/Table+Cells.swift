extension Table {
  /// A value together with the column that it belongs to, so that a benchmark says each once. A nil
  /// value is missing from its row.
  public struct Cell: Sendable {
    let column: Column
    let value: Value

    public static func text(_ name: String, _ value: String?) -> Cell {
      Cell(column: .text(name), value: value.map(Value.text) ?? .missing)
    }

    public static func integer(_ name: String, _ value: Int?, unit: String = "") -> Cell {
      Cell(column: .integer(name, unit: unit), value: value.map(Value.integer) ?? .missing)
    }

    public static func decimal(
      _ name: String, _ value: Double?, digits: Int, unit: String = ""
    ) -> Cell {
      Cell(
        column: .decimal(name, digits: digits, unit: unit),
        value: value.map(Value.decimal) ?? .missing)
    }

    public static func measured(
      _ name: String, _ value: (mean: Double, standardDeviation: Double)?, digits: Int,
      unit: String = ""
    ) -> Cell {
      Cell(
        column: .measured(name, digits: digits, unit: unit),
        value: value.map { .measured(mean: $0.mean, standardDeviation: $0.standardDeviation) }
          ?? .missing)
    }
  }

  /// The table of these rows.
  ///
  /// - Precondition: there is a row, and all rows have the same columns.
  public init(rows: [[Cell]]) {
    precondition(!rows.isEmpty, "a table of cells has a row")
    self.init(columns: rows[0].map(\.column))
    for row in rows {
      precondition(row.map(\.column) == columns, "all rows have the same columns")
      append(row.map(\.value))
    }
  }
}
