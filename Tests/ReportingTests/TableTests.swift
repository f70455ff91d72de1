import Foundation
import Reporting
import Testing

@Suite struct TableTests {
  private func table() -> Table {
    var table = Table(columns: [
      .text("kernel"), .integer("tokens"), .decimal("time", digits: 2, unit: "s"),
    ])
    table.append([.text("plain"), .integer(4096), .decimal(1.0 / 3)])
    table.append([.text("a,b \"c\"|d\r\ne"), .integer(-1), .decimal(.nan)])
    return table
  }

  @Test func alignsMarkdown() {
    #expect(
      table().rendered(as: .markdown)
        == #"""
        | kernel       | tokens | time (s) |
        | ------------ | -----: | -------: |
        | plain        |   4096 |     0.33 |
        | a,b "c"\|d e |     -1 |        - |

        """#)
  }

  @Test func quotesCSV() {
    #expect(
      table().rendered(as: .csv)
        == "kernel,tokens,time\nplain,4096,0.3333333333333333\n\"a,b \"\"c\"\"|d\r\ne\",-1,\n")
  }

  @Test(arguments: [TableFormat.json, .jsonLines])
  func keepsFullPrecisionInJSON(_ format: TableFormat) throws {
    let text = table().rendered(as: format)
    let objects: [[String: Any]]
    if format == .json {
      objects = try #require(
        JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    } else {
      objects = try text.split(separator: "\n").map { line in
        try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      }
    }
    try #require(objects.count == 2)
    #expect(objects[0]["kernel"] as? String == "plain")
    #expect(objects[0]["tokens"] as? Int == 4096)
    #expect(objects[0]["time"] as? Double == 1.0 / 3)
    #expect(objects[1]["kernel"] as? String == "a,b \"c\"|d\r\ne")
    #expect(objects[1]["time"] is NSNull)
  }

  private func measurements() -> Table {
    Table(rows: [
      [
        .text("test", "fast"), .measured("gflops", (78.64, 0.125), digits: 1), .integer("n", 3),
        .decimal("share", 0.5, digits: 2),
      ],
      [
        .text("test", nil), .measured("gflops", nil, digits: 1), .integer("n", nil),
        .decimal("share", nil, digits: 2),
      ],
      [
        .text("test", "odd"), .measured("gflops", (.nan, 0), digits: 1), .integer("n", 0),
        .decimal("share", .infinity, digits: 2),
      ],
    ])
  }

  /// A mean and its deviation: one cell for people, two columns for programs.
  @Test func showsDeviations() {
    #expect(
      measurements().rendered(as: .markdown)
        == """
        | test |     gflops |   n | share |
        | ---- | ---------: | --: | ----: |
        | fast | 78.6 ± 0.1 |   3 |  0.50 |
        | -    |          - |   - |     - |
        | odd  |          - |   0 |     - |

        """)
    #expect(
      measurements().rendered(as: .csv)
        == "test,gflops,gflops_stddev,n,share\nfast,78.64,0.125,3,0.5\n,,,,\nodd,,0.0,0,\n")
  }

  @Test func whatIsMissingIsNull() {
    #expect(
      measurements().rendered(as: .jsonLines)
        == """
        {"test":"fast","gflops":78.64,"gflops_stddev":0.125,"n":3,"share":0.5}
        {"test":null,"gflops":null,"gflops_stddev":null,"n":null,"share":null}
        {"test":"odd","gflops":null,"gflops_stddev":0.0,"n":0,"share":null}

        """)
  }

  @Test func rendersNoRows() {
    let empty = Table(columns: [.text("a"), .integer("b", unit: "B")])
    #expect(empty.rendered(as: .markdown) == "| a   | b (B) |\n| --- | ----: |\n")
    #expect(empty.rendered(as: .csv) == "a,b\n")
    #expect(empty.rendered(as: .json) == "[]\n")
    #expect(empty.rendered(as: .jsonLines) == "")
  }

  @Test func formatsHaveTheNamesOfTheOption() {
    #expect(TableFormat.allCases.map(\.rawValue) == ["md", "csv", "json", "jsonl"])
  }
}
