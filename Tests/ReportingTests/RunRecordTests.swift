import Foundation
import Reporting
import Testing

@Suite struct RunRecordTests {
  private func object(_ record: RunRecord) throws -> [String: Any] {
    let json = try JSONSerialization.jsonObject(with: record.json())
    return try #require(json as? [String: Any])
  }

  @Test func hasTheDocumentedKeys() throws {
    let record = try object(sampleRecord())
    #expect(
      record.keys.sorted() == [
        "balance", "bytes_among_hosts", "bytes_sent", "cached_tokens", "commit", "exchanges",
        "exchanges_among_hosts",
        "expert_tokens", "finish_reason", "flops",
        "gflops",
        "hosts",
        "instruction_set", "kv_bytes", "kv_cache", "layers", "logits_digest", "model",
        "model_digest",
        "partition", "peak_private_bytes", "peak_resident_bytes", "precision", "questions",
        "random_weights", "ranks", "restored_layers", "restored_tokens", "sampling", "seconds",
        "seed", "sources", "text",
        "threads", "token_ids", "token_sources", "tokens",
        "tokens_per_second", "version", "warnings", "weights_as", "weights_divided",
      ])
    func keys(_ name: String) throws -> [String] {
      try #require(record[name] as? [String: Any]).keys.sorted()
    }
    #expect(try keys("questions") == ["answered", "answered_before", "asked"])
    #expect(try keys("tokens") == ["context", "generated", "prompt"])
    #expect(
      try keys("seconds") == [
        "decode", "exposed_exchange", "exposed_weights", "load", "prefill", "prompt", "restore",
        "save", "tokenize",
      ])
    #expect(try keys("tokens_per_second") == ["decode", "prefill"])
    #expect(try keys("flops") == ["attention", "linear"])
    #expect(try keys("gflops") == ["attention", "linear"])
  }

  @Test func carriesItsValues() throws {
    let record = try object(sampleRecord())
    #expect(record["version"] as? String == "0.1.0")
    #expect(record["commit"] as? String == "0123abc")
    #expect(record["finish_reason"] as? String == "end_of_sequence")
    #expect(record["token_ids"] as? [Int] == [52, 56, 50])
    #expect(record["bytes_sent"] as? [Int] == [1_048_576, 2_097_152])
    let speed = try #require(record["tokens_per_second"] as? [String: Double])
    #expect(speed == ["prefill": 7999.2, "decode": 8])
  }

  /// What scripts read stays where it is, to the last byte.
  @Test func isOneFlatObject() throws {
    #expect(
      String(decoding: try sampleRecord().json(), as: UTF8.self) == """
        {"balance":0.984,"bytes_among_hosts":[1000,2000],"bytes_sent":[1048576,2097152],"cached_tokens":0,"commit":"0123abc",\
        "exchanges":[100,200],"exchanges_among_hosts":[10,20],"expert_tokens":{"balance":1,"layers":[],"ranks":[]},"finish_reason":"end_of_sequence",\
        "flops":{"attention":1000000000000000,"linear":2000000000000000},\
        "gflops":{"attention":180.5,"linear":90.25},"hosts":["node/1"],\
        "instruction_set":"avx512bf16","kv_bytes":[2048,2048],"kv_cache":"bf16","layers":5,"logits_digest":"feed",\
        "model":"needle","model_digest":"beef","partition":"zigzag",\
        "peak_private_bytes":[1048576,1048577],\
        "peak_resident_bytes":[3221225472,3221225473],"precision":"bf16",\
        "questions":{"answered":0,"answered_before":0,"asked":0},"random_weights":false,"ranks":2,\
        "restored_layers":0,"restored_tokens":0,"sampling":{"frequency_penalty":0,"min_p":0,"presence_penalty":0,\
        "repetition_penalty":1,"temperature":0,"top_k":0,"top_p":1},"seconds":{"decode":0.75,"exposed_exchange":0.25,"exposed_weights":0,"load":0.0042,\
        "prefill":12.5,"prompt":0.125,"restore":0,"save":0,"tokenize":0.5},"seed":7,\
        "sources":[],"text":"48213.","threads":1,"token_ids":[52,56,50],"token_sources":[],\
        "tokens":{"context":99990,"generated":6,"prompt":10},\
        "tokens_per_second":{"decode":8,"prefill":7999.2},"version":"0.1.0",\
        "warnings":["the model is odd"],"weights_as":"int8","weights_divided":false}

        """)
  }

  @Test func isOneLineWithSlashesAsTheyAre() throws {
    let json = try #require(
      String(data: sampleRecord(answer: sampleAnswer(text: "a/b\n\"c\" é")).json(), encoding: .utf8)
    )
    #expect(json.hasSuffix("}\n"))
    #expect(json.dropLast().allSatisfy { !$0.isNewline })
    #expect(json.contains("\"node/1\""))
    #expect(json.contains(#""text":"a/b\n\"c\" é""#))
    #expect(json.hasPrefix("{\"balance\":"))
  }

  @Test func survivesARoundTrip() throws {
    let record = sampleRecord(ranks: 8)
    let decoded = try JSONDecoder().decode(RunRecord.self, from: record.json())
    #expect(decoded == record)
  }

  @Test(arguments: [0, .nan, .infinity, -Double.infinity, .leastNonzeroMagnitude])
  func turnsUndefinedNumbersIntoZero(_ seconds: Double) throws {
    var all = RunRecord.Seconds()
    for part in [
      \.load, \.tokenize, \.restore, \.prefill, \.save, \.prompt, \.decode, \.exposedExchange,
      \.exposedWeights,
    ] as [WritableKeyPath<RunRecord.Seconds, Double>] {
      all[keyPath: part] = seconds
    }
    let record = sampleRecord(
      seconds: all,
      gflops: RunRecord.Arithmetic(attention: 1, linear: 1)
        .gflops(attentionSeconds: seconds, linearSeconds: seconds), balance: seconds / seconds)
    let json = try object(record)
    #expect(json["tokens_per_second"] as? [String: Double] == ["prefill": 0, "decode": 0])
    #expect(json["gflops"] as? [String: Double] == ["attention": 0, "linear": 0])
    #expect((json["balance"] as? Double)?.isFinite == true)
    #expect((json["seconds"] as? [String: Double])?.values.allSatisfy(\.isFinite) == true)
  }

  /// By layers and by ranks; a rank may have computed fewer layers, and a layer may have no experts.
  @Test func sumsTokensOfExperts() {
    let tokens = RunRecord.ExpertTokens([[[], [1, 2, 3]], [[], [3, 2, 1], [4, 0]], []])
    #expect(tokens.layers == [[], [4, 4, 4], [4, 0]])
    #expect(tokens.ranks == [[1, 2, 3], [7, 2, 1], []])
    #expect(tokens.balance == 0.75)
    #expect(!tokens.isEmpty && RunRecord.ExpertTokens([[[], []]]).isEmpty)
    #expect(RunRecord.ExpertTokens([[[0, 0]]]).balance == 1)
    let summary = sampleRecord(expertTokens: tokens).summary()
    #expect(
      summary.contains("  experts       0.750   mean over maximum of the tokens of a layer's"))
  }

  @Test func givesRatesOfArithmetic() {
    let flops = RunRecord.Arithmetic(attention: 6e12, linear: 1e9)
    #expect(
      flops.gflops(attentionSeconds: 3, linearSeconds: 0.5) == .init(attention: 2000, linear: 2))
  }

  @Test func takesTheCommitFromTheEnvironment() {
    #expect(Version.commit(environment: ["RINGFLASH_COMMIT": "abc"]) == "abc")
    #expect(Version.commit(environment: ["RINGFLASH_COMMIT": ""]) == "unknown")
    #expect(Version.commit(environment: [:]) == "unknown")
  }
}
