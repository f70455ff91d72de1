import Foundation
import ModelFiles
import Reporting

/// The files that a run writes besides its text, on rank 0.
final class OutputFiles {
  private let report: ReportFile?
  private let trace: ReportFile?
  private let page: ReportFile?
  let logits: LogitsFile?

  /// - Throws: `FileError` if one of them cannot be written.
  init(_ settings: GenerateSettings) throws {
    report = try settings.report.map { try ReportFile(path: $0) }
    trace = try settings.trace.map { try ReportFile(path: $0) }
    page = try settings.sources?.page.map { try ReportFile(path: $0) }
    logits = try settings.logits.map { try LogitsFile(path: $0) }
  }

  /// - Throws: `FileError`.
  func finish(record: RunRecord, traces: [[UInt8]], page sources: SourcesPage?) throws {
    try logits?.finish()
    try report?.write(record.json())
    try trace?.write(Timeline.traceFile(of: traces.map { Data($0) }))
    if let sources { try page?.write(sources.html()) }
  }
}

/// `--logits FILE`: float32 `logits` `[positions][vocabulary]` as safetensors, row by row.
final class LogitsFile {
  private let path: String
  private var writer: SafetensorsRowWriter?

  /// - Throws: `FileError` if the file cannot be written, be it that its place is a device: the number
  ///   of rows is written last, in front of them.
  init(path: String) throws {
    self.path = path
    _ = try ReportFile(path: path)
    _ = try SafetensorsRowWriter(path: path, name: "logits", elementType: .float32, rowShape: [1])
  }

  /// - Throws: `FileError`, as the two below.
  func begin(vocabulary: Int) throws {
    writer = try SafetensorsRowWriter(
      path: path, name: "logits", elementType: .float32, rowShape: [vocabulary])
  }

  func append(_ rows: UnsafeBufferPointer<Float>) throws {
    try writer?.append(UnsafeRawBufferPointer(rows))
  }

  func finish() throws { try writer?.finish() }
}
