/// Rows of named columns: what a benchmark measured.
public struct Table: Sendable {
  /// What a column holds.
  public struct Column: Equatable, Sendable {
    enum Kind {
      case text
      case integer
      case decimal
      case measured
    }

    let name: String
    let kind: Kind
    let digits: Int
    let unit: String

    /// A column of text.
    public static func text(_ name: String) -> Column {
      Column(name: name, kind: .text, digits: 0, unit: "")
    }

    /// A column of whole numbers.
    public static func integer(_ name: String, unit: String = "") -> Column {
      Column(name: name, kind: .integer, digits: 0, unit: unit)
    }

    /// A column of numbers; `digits` after the point are shown to people, all of them to programs.
    public static func decimal(_ name: String, digits: Int, unit: String = "") -> Column {
      Column(name: name, kind: .decimal, digits: digits, unit: unit)
    }

    /// A column of measured means, each with its standard deviation: one cell for people, "78.6 ±
    /// 0.1", and two columns for programs, `name` and `name_stddev`.
    public static func measured(_ name: String, digits: Int, unit: String = "") -> Column {
      Column(name: name, kind: .measured, digits: digits, unit: unit)
    }
  }

  /// One value; its case is that of its column, or `missing`.
  public enum Value: Equatable, Sendable {
    case text(String)
    case integer(Int)
    /// A number; NaN and the infinities stand for "not measured".
    case decimal(Double)
    /// Of repeated measurements; NaN and the infinities as in `decimal`.
    case measured(mean: Double, standardDeviation: Double)
    /// What the row does not have: `-` for people, an empty field or null for programs.
    case missing
  }

  public let columns: [Column]
  public private(set) var rows: [[Value]] = []

  public init(columns: [Column]) {
    self.columns = columns
  }

  /// Appends a row.
  ///
  /// - Precondition: `row` has one value for each column, of the column's kind or missing.
  public mutating func append(_ row: [Value]) {
    precondition(
      row.count == columns.count, "a row of \(row.count) values in \(columns.count) columns")
    for (value, column) in zip(row, columns) {
      switch (value, column.kind) {
      case (.text, .text), (.integer, .integer), (.decimal, .decimal), (.measured, .measured),
        (.missing, _):
        break
      default: preconditionFailure("\(value) is not of the kind of column '\(column.name)'")
      }
    }
    rows.append(row)
  }
}
