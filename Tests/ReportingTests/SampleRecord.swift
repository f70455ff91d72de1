import Reporting

/// A record of a run on `ranks` ranks; the arguments are what the tests vary.
func sampleRecord(
  ranks: Int = 2, restoredLayers: Int = 0, text: String = "48213.", generated: Int = 6,
  seconds: RunRecord.Seconds = .init(
    load: 0.0042, tokenize: 0.5, prefill: 12.5, prompt: 0.125, decode: 0.75,
    exposedExchange: 0.25),
  gflops: RunRecord.Arithmetic = .init(attention: 180.5, linear: 90.25), balance: Double = 0.984,
  questions: RunRecord.Questions = .init()
) -> RunRecord {
  RunRecord(
    commit: "0123abc", hosts: ["node/1"], ranks: ranks, threads: 1, instructionSet: "avx512bf16",
    partition: "zigzag", precision: "bf16", model: "needle", randomWeights: false, layers: 5,
    restoredLayers: restoredLayers, seed: 7, text: text, tokenIDs: [52, 56, 50],
    finishReason: .endOfSequence, questions: questions,
    tokens: .init(context: 99_990, prompt: 10, generated: generated), seconds: seconds,
    flops: .init(attention: 1e15, linear: 2e15), gflops: gflops, balance: balance,
    bytesSent: (0..<ranks).map { 1_048_576 * ($0 + 1) },
    keyValueBytes: .init(repeating: 2048, count: ranks),
    peakResidentBytes: (0..<ranks).map { 3_221_225_472 + $0 },
    peakPrivateBytes: (0..<ranks).map { 1_048_576 + $0 }, logitsDigest: "feed")
}
