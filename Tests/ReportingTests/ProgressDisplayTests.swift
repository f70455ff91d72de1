import Reporting
import Testing

@Suite struct ProgressDisplayTests {
  /// A clock that the test moves, and what the display wrote.
  private final class Stage {
    var seconds = 100.0
    var written: [String] = []

    func display(_ style: ProgressDisplay.Style) -> ProgressDisplay {
      ProgressDisplay(
        style: style, now: { self.seconds }, write: { self.written.append($0) })
    }

    /// One phase of 100 s, reported on every 10 ms.
    func run(_ display: ProgressDisplay) {
      display.begin("prefill", unit: "layer", total: 10, tokens: 1000)
      for step in 1...10_000 {
        seconds = 100 + Double(step) / 100
        display.update(completed: Double(step) / 1000)
      }
      display.end()
    }
  }

  @Test func redrawsATerminalAtMostTenTimesASecond() throws {
    let stage = Stage()
    stage.run(stage.display(.terminal(width: { 40 })))
    #expect((800...1002).contains(stage.written.count), "\(stage.written.count) writes")
    #expect(stage.written.allSatisfy { $0.hasPrefix("\r") && $0.hasSuffix("\u{1B}[K") })
    #expect(stage.written.allSatisfy { !$0.contains("\n") })
    let first = try #require(stage.written.first)
    #expect(first.contains("layer 1/10"))
    #expect(stage.written.last == "\r\u{1B}[K", "the line is erased")
  }

  @Test func logsAtMostEveryFiveSeconds() {
    let stage = Stage()
    stage.run(stage.display(.log))
    #expect((17...21).contains(stage.written.count), "\(stage.written.count) lines")
    #expect(stage.written.allSatisfy { $0.hasSuffix("\n") && !$0.contains("\u{1B}") })
    #expect(stage.written.first == "prefill: layer 1/10, 5 %, 10.0 tokens/s, 1:35 left\n")
    #expect(stage.written.last == "prefill: 10/10 layers in 100.00 s, 10.0 tokens/s\n")
  }

  @Test func writesNothingWhenSilent() {
    let stage = Stage()
    let display = stage.display(.silent)
    stage.run(display)
    display.erase()
    #expect(stage.written.isEmpty)
  }

  @Test func beginningAPhaseEndsTheOneBefore() {
    let stage = Stage()
    let display = stage.display(.log)
    display.update(completed: 3)
    display.end()
    #expect(stage.written.isEmpty, "no phase has begun")
    display.begin("load", unit: "file", total: 2, tokens: 0)
    stage.seconds += 1.5
    display.update(completed: 2)
    display.begin("prefill", unit: "layer", total: 10, tokens: 1000)
    display.end()
    display.end()
    #expect(
      stage.written == ["load: 2/2 files in 1.50 s\n", "prefill: 0/10 layers in 0.0 ms\n"])
  }

  @Test func erasesOnce() {
    let stage = Stage()
    let display = stage.display(.terminal(width: { 80 }))
    display.begin("decode", unit: "token", total: 8, tokens: 8)
    display.erase()
    display.erase()
    display.end()
    #expect(stage.written.count == 2)
  }

  @Test func clockGoesForward() {
    let before = monotonicSeconds()
    #expect(monotonicSeconds() >= before)
  }
}
