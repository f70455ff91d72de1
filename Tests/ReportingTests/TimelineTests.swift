import Foundation
import Reporting
import Testing

@Suite struct TimelineTests {
  private struct Trace: Decodable {
    struct Event: Decodable {
      struct Arguments: Decodable {
        var name: String?
      }
      var ph: String
      var pid: Int
      var tid: Int
      var name: String
      var cat: String?
      var ts: Double?
      var dur: Double?
      var args: Arguments?
    }
    var traceEvents: [Event]
  }

  private func trace(_ timelines: [Timeline]) throws -> [Trace.Event] {
    let file = Timeline.traceFile(of: timelines.map { $0.encodedEvents() })
    return try JSONDecoder().decode(Trace.self, from: file).traceEvents
  }

  @Test func writesEveryRanksSpansRelativeToItsStart() throws {
    let timelines = (0..<3).map { rank in
      let start = ContinuousClock.now.advanced(by: .seconds(rank * 1000))
      let timeline = Timeline(
        isEnabled: true, rank: rank, host: "node\"\(rank)", lanes: ["compute", "exchange"],
        start: start)
      func record(_ name: StaticString, lane: Int, from: Int, to: Int) {
        timeline.record(
          name, category: "test", lane: lane, from: start.advanced(by: .nanoseconds(from)),
          to: start.advanced(by: .nanoseconds(to)))
      }
      // Inner spans end, and are recorded, before the outer one that begins with them.
      record("inner", lane: 0, from: 5, to: 1_000_005)
      record("outer", lane: 0, from: 5, to: 2_500_000)
      record("send", lane: 1, from: -1500, to: 3_000_000)
      return timeline
    }
    let events = try trace(timelines)
    for rank in 0..<3 {
      let spans = events.filter { $0.pid == rank && $0.ph == "X" }
      #expect(spans.map(\.name) == ["send", "outer", "inner"], "rank \(rank)")
      #expect(spans.map(\.tid) == [1, 0, 0], "rank \(rank)")
      #expect(spans.map(\.ts) == [-1.5, 0.005, 0.005], "rank \(rank)")
      #expect(spans.map(\.dur) == [3001.5, 2499.995, 1000], "rank \(rank)")
      #expect(spans.allSatisfy { $0.cat == "test" }, "rank \(rank)")
      let names = events.filter { $0.pid == rank && $0.ph == "M" }
      #expect(
        names.compactMap(\.args?.name) == ["rank \(rank) on node\"\(rank)", "compute", "exchange"])
    }
  }

  @Test func measuredSpansNest() throws {
    let timeline = Timeline(isEnabled: true, rank: 0, host: "node")
    let answer = timeline.measure("outer", category: "test") {
      timeline.measure("first", category: "test") {}
      return timeline.measure("second", category: "test") { 42 }
    }
    #expect(answer == 42)
    let spans = try trace([timeline]).filter { $0.ph == "X" }
    try #require(spans.map(\.name) == ["outer", "first", "second"])
    func end(_ span: Trace.Event) -> Double { (span.ts ?? .nan) + (span.dur ?? .nan) }
    // Sums of microseconds with three decimals are exact to far less than a nanosecond.
    #expect(end(spans[1]) <= (spans[2].ts ?? .nan) + 1e-4)
    #expect(end(spans[2]) <= end(spans[0]) + 1e-4)
  }

  @Test func recordsASpanThatThrows() throws {
    struct Failure: Error {}
    let timeline = Timeline(isEnabled: true, rank: 0, host: "node")
    #expect(throws: Failure.self) {
      try timeline.measure("failing", category: "test") { throw Failure() }
    }
    #expect(try trace([timeline]).contains { $0.name == "failing" })
  }

  @Test func recordsNothingWhenDisabled() throws {
    let disabled = Timeline(isEnabled: false, rank: 1, host: "node")
    #expect(disabled.measure("span", category: "test") { 1 } == 1)
    disabled.record("span", category: "test", from: .now, to: .now)
    #expect(disabled.encodedEvents().isEmpty)
    let enabled = Timeline(isEnabled: true, rank: 0, host: "node")
    #expect(try trace([disabled, enabled, disabled]).allSatisfy { $0.pid == 0 })
    #expect(try trace([]).isEmpty)
  }

  @Test func numbersLanesWithoutAName() throws {
    let timeline = Timeline(isEnabled: true, rank: 0, host: "node")
    timeline.record("span", category: "test", lane: 4, from: .now, to: .now)
    #expect(try trace([timeline]).contains { $0.tid == 4 && $0.args?.name == "lane 4" })
  }
}
