import Reporting
import Testing

@Suite struct SummaryTests {
  @Test func readsAsDocumented() {
    #expect(
      sampleRecord().summary() == """
        ringflash 0.1.0: needle, bf16, avx512bf16, zigzag, 2 ranks of 1 thread on 1 host
          load         4.2 ms
          tokenize   500.0 ms
          prefill     12.50 s    99990 tokens   7999 tokens/s
                                    attention   180.5 GFLOP/s
                                       linear    90.2 GFLOP/s
          prompt     125.0 ms       10 tokens
          decode     750.0 ms        6 tokens    8.0 tokens/s  125.0 ms/token
          exchange   250.0 ms   exposed, 2.0 % of the prefill
          sent        1.0 MiB   to 2.0 MiB a rank
          KV cache    2.0 KiB   a rank
          memory      3.0 GiB   a rank at its peak
          balance       0.984   mean over maximum of the ranks' attention work
          digest    feed

        """)
  }

  @Test func countsQuestions() {
    let summary = sampleRecord(
      answer: sampleAnswer(questions: .init(asked: 12, answeredBefore: 3, answered: 9))
    ).summary()
    #expect(
      summary.contains(
        "\n  answers           9       10 tokens of 12 questions, 3 answered before\n"))
    #expect(!summary.contains("  prompt "))
  }

  /// What was prefilled, in part or not at all, and what came from a saved context.
  @Test func tellsRestoredLayers() {
    var seconds = RunRecord.Seconds()
    seconds.restore = 0.5
    seconds.prefill = 2
    let part = sampleRecord(restoredLayers: 3, seconds: seconds).summary()
    #expect(part.contains("\n  restore    500.0 ms    99990 tokens   3 of 5 layers\n"))
    #expect(part.contains("\n  prefill "))
    let whole = sampleRecord(restoredLayers: 5, seconds: seconds).summary()
    #expect(whole.contains("\n  restore    500.0 ms    99990 tokens   5 of 5 layers\n"))
    for line in ["  prefill ", "GFLOP/s", "  exchange ", "  balance "] {
      #expect(!whole.contains(line))
    }
    #expect(whole.contains("\n  sent ") && whole.hasSuffix("  digest    feed\n"))
  }

  @Test func hasNoUndefinedNumbers() {
    for ranks in [0, 1, 8] {
      let summary = sampleRecord(
        ranks: ranks, answer: sampleAnswer(generated: 0), seconds: .init()
      ).summary()
      #expect(!summary.contains("nan") && !summary.contains("inf"), "\(ranks) ranks: \(summary)")
    }
  }
}
