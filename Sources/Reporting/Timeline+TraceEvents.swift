import Foundation

// The Trace Event Format ("Trace Event Format", Google, 2016): process ids are ranks, thread ids
// are lanes, times are microseconds. Perfetto (https://ui.perfetto.dev) and chrome://tracing open
// it.

extension Timeline {
  /// This rank's part of the file, to be gathered on one rank; empty if nothing is recorded.
  public func encodedEvents() -> Data {
    guard isEnabled else { return Data() }
    var events = metadata()
    // A span precedes those that it encloses, also where both begin in the same nanosecond.
    let ordered = spans.sorted {
      ($0.startNanoseconds, -$0.durationNanoseconds)
        < ($1.startNanoseconds, -$1.durationNanoseconds)
    }
    for span in ordered {
      events.append(
        """
        {"ph":"X","pid":\(rank),"tid":\(span.lane),"name":\(JSONText.string("\(span.name)")),\
        "cat":\(JSONText.string("\(span.category)")),\
        "ts":\(microseconds(span.startNanoseconds)),"dur":\(microseconds(span.durationNanoseconds))}
        """)
    }
    return Data(events.joined(separator: ",\n").utf8)
  }

  /// The whole file from what `encodedEvents` returned on each rank.
  public static func traceFile(of ranks: [Data]) -> Data {
    var file = Data("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n".utf8)
    for (index, events) in ranks.filter({ !$0.isEmpty }).enumerated() {
      if index > 0 { file.append(Data(",\n".utf8)) }
      file.append(events)
    }
    file.append(Data("\n]}\n".utf8))
    return file
  }

  private func metadata() -> [String] {
    func event(_ kind: String, lane: Int, _ argument: String) -> String {
      "{\"ph\":\"M\",\"pid\":\(rank),\"tid\":\(lane),\"name\":\"\(kind)\",\"args\":{\(argument)}}"
    }
    var events = [
      event("process_name", lane: 0, "\"name\":\(JSONText.string("rank \(rank) on \(host)"))"),
      event("process_sort_index", lane: 0, "\"sort_index\":\(rank)"),
    ]
    for lane in Set(spans.map(\.lane)).sorted() {
      let name = lanes.indices.contains(lane) ? "\(lanes[lane])" : "lane \(lane)"
      events.append(event("thread_name", lane: lane, "\"name\":\(JSONText.string(name))"))
    }
    return events
  }

  /// Nanoseconds as microseconds with three decimals, exact.
  private func microseconds(_ nanoseconds: Int64) -> String {
    let digits = String(nanoseconds.magnitude % 1000)
    let decimals = String(repeating: "0", count: 3 - digits.count) + digits
    return "\(nanoseconds < 0 ? "-" : "")\(nanoseconds.magnitude / 1000).\(decimals)"
  }
}
