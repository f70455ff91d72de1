import Reporting

/// A record of a run on `ranks` ranks; the arguments are what the tests vary.
func sampleRecord(
  ranks: Int = 2, restoredLayers: Int = 0, answer: RunRecord.Answer = sampleAnswer(),
  seconds: RunRecord.Seconds = sampleSeconds(),
  gflops: RunRecord.Arithmetic = .init(attention: 180.5, linear: 90.25), balance: Double = 0.984,
  expertTokens: RunRecord.ExpertTokens = .init()
) -> RunRecord {
  RunRecord(
    program: .init(commit: "0123abc"),
    job: .init(
      hosts: ["node/1"], ranks: ranks, threads: 1, instructionSet: "avx512bf16",
      partition: "zigzag", types: ("bf16", "int8", "bf16")),
    model: .init(
      name: "needle", digest: "beef", randomWeights: false, layers: 5,
      restored: (restoredLayers, 0)),
    answer: answer, seconds: seconds,
    work: .init(
      flops: .init(attention: 1e15, linear: 2e15), gflops: gflops, balance: balance,
      expertTokens: expertTokens),
    perRank: .init(
      bytesSent: (0..<ranks).map { 1_048_576 * ($0 + 1) },
      exchanges: (0..<ranks).map { 100 * ($0 + 1) },
      exchangesAmongHosts: (0..<ranks).map { 10 * ($0 + 1) },
      bytesAmongHosts: (0..<ranks).map { 1_000 * ($0 + 1) },
      keyValueBytes: .init(repeating: 2048, count: ranks),
      peakResidentBytes: (0..<ranks).map { 3_221_225_472 + $0 },
      peakPrivateBytes: (0..<ranks).map { 1_048_576 + $0 }),
    warnings: ["the model is odd"])
}

func sampleAnswer(
  text: String = "48213.", generated: Int = 6, questions: RunRecord.Questions = .init()
) -> RunRecord.Answer {
  RunRecord.Answer(
    text: text, tokenIDs: [52, 56, 50], finishReason: .endOfSequence, seed: 7,
    questions: questions, tokens: .init(context: 99_990, prompt: 10, generated: generated),
    logitsDigest: "feed")
}

func sampleSeconds() -> RunRecord.Seconds {
  var seconds = RunRecord.Seconds()
  seconds.load = 0.0042
  seconds.tokenize = 0.5
  seconds.prefill = 12.5
  seconds.prompt = 0.125
  seconds.decode = 0.75
  seconds.exposedExchange = 0.25
  return seconds
}
