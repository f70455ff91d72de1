/// How a table is written.
public enum TableFormat: String, CaseIterable, Sendable {
  /// A Markdown table, for people; decimals are rounded and units stand in the heading.
  case markdown = "md"
  /// Comma-separated values with a heading (RFC 4180 quoting, lines end with a line feed).
  case csv
  /// One JSON array with an object for each row.
  case json
  /// A JSON object on a line of its own for each row.
  case jsonLines = "jsonl"
}
