import Reporting
import Testing

@Suite struct ProgressPhaseTests {
  private func phase(
    completed: Double, seconds: Double, tokens: Int = 100_000, total: Int = 36
  ) -> ProgressPhase {
    var phase = ProgressPhase(name: "prefill", unit: "layer", total: total, tokens: tokens)
    phase.completed = completed
    phase.elapsedSeconds = seconds
    return phase
  }

  /// Units that are done side by side, with tokens that are counted.
  @Test func countedTokens() {
    var answers = phase(completed: 12, seconds: 20, tokens: 0, total: 32)
    answers.countedTokens = 900
    #expect(answers.logLine == "prefill: 12/32, 37 %, 45.0 tokens/s, 0:33 left")
    #expect(answers.terminalLine(width: 60).hasSuffix("] 12/32  45.0 tokens/s  0:33 left"))
    answers.completed = 32
    #expect(answers.terminalLine(width: 60).contains(" 32/32 "))
    #expect(answers.closingLine == "prefill: 32/32 layers in 20.00 s, 45.0 tokens/s")
  }

  @Test func linesFitEveryWidth() {
    for width in 0...200 {
      for completed in [0, 0.5, 11.3, 35.99, 36] {
        for seconds in [0, 0.01, 20, 40_000] {
          let line = phase(completed: completed, seconds: seconds).terminalLine(width: width)
          let name = "width \(width), \(completed) layers, \(seconds) s: \(line)"
          #expect(line.count < max(width, 1), "\(name)")
          #expect(line.unicodeScalars.allSatisfy { (0x20..<0x7F).contains($0.value) }, "\(name)")
          if width >= 20 { #expect(line.contains("layer "), "\(name)") }
        }
      }
    }
  }

  @Test func linesShowWhatThereIsRoomFor() {
    let third = phase(completed: 12, seconds: 20)
    let bar = "[#############...........................]"
    #expect(
      third.terminalLine(width: 200)
        == "prefill \(bar) layer 13/36  1667 tokens/s  0:40 left")
    #expect(
      third.terminalLine(width: 60)
        == "prefill [###........] layer 13/36  1667 tokens/s  0:40 left")
    #expect(
      third.terminalLine(width: 50) == "prefill [#####...........] layer 13/36  0:40 left")
    #expect(third.terminalLine(width: 32) == "prefill layer 13/36  0:40 left")
    #expect(third.terminalLine(width: 20) == "prefill layer 13/36")
    #expect(third.terminalLine(width: 12) == "layer 13/36")
  }

  @Test func saysNothingThatItDoesNotKnow() {
    let start = phase(completed: 0, seconds: 0)
    #expect(start.tokensPerSecond == nil)
    #expect(start.remainingSeconds == nil)
    #expect(start.logLine == "prefill: layer 1/36, 0 %")
    let loading = phase(completed: 1, seconds: 2, tokens: 0, total: 4)
    #expect(loading.logLine == "prefill: layer 2/4, 25 %, 0:06 left")
    #expect(phase(completed: 0, seconds: 1, total: 0).fraction == 0)
  }

  @Test func countsNoFurtherThanTheEnd() {
    for completed in [36, 36.5, 1e300, .infinity, .nan, -1] {
      let phase = phase(completed: completed, seconds: 10)
      #expect((1...36).contains(phase.currentUnit), "\(completed)")
      #expect((0...1).contains(phase.fraction), "\(completed)")
    }
    #expect(
      phase(completed: 36, seconds: 50).closingLine
        == "prefill: 36/36 layers in 50.00 s, 2000 tokens/s")
  }

  @Test func writesLongTimesAsHours() {
    #expect(
      phase(completed: 18, seconds: 3661, tokens: 0).logLine
        == "prefill: layer 19/36, 50 %, 1:01:01 left")
  }
}
