import CommandLine
import Foundation
import ModelFiles
import TestSupport
import Testing

extension EndToEndTests {
  /// What a run writes, and where.
  @Suite(.serialized) struct Outputs {
    static let keys: Set<String> = [
      "version", "commit", "hosts", "ranks", "threads", "instruction_set", "partition",
      "precision", "model", "model_digest", "text", "tokens", "seconds", "tokens_per_second",
      "flops", "gflops",
      "balance", "bytes_sent", "bytes_among_hosts", "exchanges", "exchanges_among_hosts",
      "kv_bytes", "peak_resident_bytes", "peak_private_bytes",
      "random_weights", "logits_digest", "sources", "token_sources", "warnings", "expert_tokens",
      "weights_divided",
    ]
    static let innerKeys: [String: Set<String>] = [
      "tokens": ["context", "prompt", "generated"],
      "seconds": [
        "load", "tokenize", "restore", "prefill", "save", "prompt", "decode", "exposed_exchange",
        "exposed_weights",
      ],
      "questions": ["asked", "answered_before", "answered"],
      "tokens_per_second": ["prefill", "decode"],
      "expert_tokens": ["balance", "layers", "ranks"], "flops": ["attention", "linear"],
      "gflops": ["attention", "linear"],
    ]

    /// Names of one character, and names that are no text, lead where they say.
    @Test func oddNames() throws {
      try withTemporaryDirectory { directory in
        let script = """
          cd \(directory) && name=$(printf 'b\\351') && printf 'some text' > "$name" || exit 1
          \(programPath) --context "$name" --report "$name.r" --logits l --trace t --max-tokens 1 \
            --quiet > o && chmod 600 t && \(programPath) --context "$name" --trace t --quiet > p &&
            \(programPath) --context "$name" --report "$name"
          echo "$?"; stat -c '%a' t; ls -1 -b
          """
        let run = try runProgram(["/bin/sh", "-c", script])
        #expect(
          run.text.split(separator: "\n") == [
            "64", "600", "b\\351", "b\\351.r", "l", "o", "p", "t",
          ], "\(run.text) \(run.error)")
      }
    }

    /// The record of 20,000 bytes over 8 ranks: complete, and each rank has its equal share.
    @Test func runRecord() throws {
      let haystack = try Haystack.make(tokens: 20_000, needles: 1, seed: 2)
      try withFile(haystack.text) { path in
        let report = path + ".json"
        let run = try runRingflash(
          ["--context", path, "--prompt", "1", "--max-tokens", "3", "--report", report], ranks: 8,
          environment: ["RINGFLASH_COMMIT": "0123abcd"])
        expectSuccess(run, "report")
        let record = try Record(path: report)
        #expect(Set(record.values.keys).isSuperset(of: Self.keys))
        for (key, inner) in Self.innerKeys {
          let object = try #require(record.values[key] as? [String: Any], "\(key)")
          #expect(Set(object.keys) == inner, "\(key)")
        }
        try expectConsistentTimes(record)
        #expect(record.values["commit"] as? String == "0123abcd")
        #expect(record.values["hosts"] as? [String] == [ProcessInfo.processInfo.hostName])
        #expect(
          record.values["tokens"] as? [String: Int]
            == ["context": 20_000, "prompt": 1, "generated": 3])
        #expect(record.text + "\n" == run.text)
        #expect(record.number("balance") >= 0.9 && record.number("balance") <= 1)

        for key in ["bytes_sent", "kv_bytes", "peak_resident_bytes"] {
          #expect(record.integers(key).count == 8, "\(key)")
          #expect(record.integers(key).allSatisfy { $0 > 0 }, "\(key)")
        }
        // 5 layers of 256 keys and values of 128 bf16 numbers; 79 blocks hold 20,000 tokens, and one
        // more the end of the context again with what follows it.
        let blockBytes = 5 * 256 * 2 * 128 * 2
        let all = 80 * blockBytes
        #expect(record.integers("kv_bytes").reduce(0, +) == all)
        #expect(record.integers("kv_bytes").allSatisfy { $0 <= all / 8 + blockBytes })
      }
    }

    /// Rates are what was done over the seconds that it took, none of which exceeds the stage that it
    /// is a part of; nothing was restored, saved or asked.
    private func expectConsistentTimes(_ record: Record) throws {
      func numbers(_ key: String) throws -> [String: Double] {
        try #require(record.values[key] as? [String: Double], "\(key)")
      }
      let (seconds, rates) = (try numbers("seconds"), try numbers("tokens_per_second"))
      for name in ["load", "tokenize", "prefill", "prompt", "decode"] {
        #expect(try #require(seconds[name]) > 0, "\(name)")
      }
      #expect(seconds["restore"] == 0 && seconds["save"] == 0)
      #expect(try numbers("questions").values.allSatisfy { $0 == 0 })
      let (prefill, exposed) = (seconds["prefill"]!, seconds["exposed_exchange"]!)
      #expect(exposed > 0 && exposed < prefill)
      #expect(abs(try #require(rates["prefill"]) * prefill / 20_000 - 1) < 1e-9)
      #expect(abs(try #require(rates["decode"]) * seconds["decode"]! / 3 - 1) < 1e-9)

      // 4 layers with a window of 64 and one without, each of one head of 128; then the elements of
      // 5 layers' Q, K, V and O, of 256 times 128, and of an MLP of 32.
      let tokens = 20_000
      let pairs = 4 * (64 * 65 / 2 + (tokens - 64) * 64) + tokens * (tokens + 1) / 2
      let flops = try numbers("flops")
      #expect(flops["attention"] == Double(pairs * 4 * 128))
      #expect(flops["linear"] == Double(2 * tokens * 5 * (4 * 256 * 128 + 3 * 256 * 32)))
      for (kind, rate) in try numbers("gflops") {
        let seconds = flops[kind]! / rate / 1e9
        // Of the rank that took longest; the prefill's are rank 0's.
        #expect(seconds > 0 && seconds < 1.1 * prefill, "\(kind)")
      }
    }

    /// Text alone, or one JSON object alone, on standard output; nothing on standard error with
    /// `--quiet`, and progress and the summary, once, without.
    @Test(arguments: [nil, 3])
    func streams(ranks: Int?) throws {
      let haystack = try Haystack.make(tokens: 700, needles: 1, seed: 2)
      try withFile(haystack.text) { path in
        let report = path + ".json"
        let text = try runRingflash(["--context", path, "--quiet"], ranks: ranks)
        expectSuccess(text, "text")
        #expect(text.text == haystack.needles[0].passkey + ".\n")
        #expect(text.error.isEmpty)

        let json = try runRingflash(
          ["--context", path, "--json", "--report", report], ranks: ranks)
        expectSuccess(json, "json")
        #expect(try Data(json.output) == Data(contentsOf: URL(fileURLWithPath: report)))
        #expect(json.output.count { $0 == UInt8(ascii: "\n") } == 1 && json.output.last == 10)
        #expect(try Record(json: Data(json.output)).text == haystack.needles[0].passkey + ".")
        let lines = json.error.split(separator: "\n")
        for expected in ["prefill: 5/5 layers", "ringflash 0.1.0: needle, bf16"] {
          #expect(lines.count { $0.hasPrefix(expected) } == 1, "\(expected) in \(json.error)")
        }
      }
    }

    /// A stop text ends the answer before it; a limit of no tokens answers nothing.
    @Test func endsOfAnswers() throws {
      let haystack = try Haystack.make(tokens: 700, needles: 1, seed: 2)
      let passkey = haystack.needles[0].passkey
      let ends: [(arguments: [String], text: String, reason: String, tokens: Int)] = [
        (["--stop", String(passkey.suffix(2))], String(passkey.dropLast(2)), "stop", 7),
        (["--max-tokens", "4"], String(passkey.prefix(4)), "length", 4),
        (["--max-tokens", "0"], "", "length", 0),
      ]
      try withFile(haystack.text) { path in
        for end in ends {
          let run = try runRingflash(["--context", path, "--json"] + end.arguments, ranks: 2)
          expectSuccess(run, "\(end)")
          let record = try Record(json: Data(run.output))
          #expect(record.text == end.text, "\(end)")
          #expect(record.values["finish_reason"] as? String == end.reason, "\(end)")
          #expect(record.tokenIDs.count == end.tokens, "\(end)")
        }
      }
    }

    @Test(arguments: [1, 3])
    func trace(ranks: Int) throws {
      try withFile(try Haystack.make(tokens: 1500, needles: 1, seed: 2).text) { path in
        let run = try runRingflash(["--context", path, "--trace", path + ".json"], ranks: ranks)
        expectSuccess(run, "trace")
        let json = try JSONSerialization.jsonObject(
          with: Data(contentsOf: URL(fileURLWithPath: path + ".json")))
        let trace = try #require(json as? [String: Any])
        let events = try #require(trace["traceEvents"] as? [[String: Any]])
        for event in events {
          #expect(event["pid"] is Int && event["tid"] is Int && event["name"] is String)
          if event["ph"] as? String == "X" {
            #expect(event["ts"] is Double && event["cat"] is String)
            #expect(try #require(event["dur"] as? Double) >= 0)
          } else {
            #expect(event["ph"] as? String == "M" && event["args"] is [String: Any])
          }
        }
        for rank in 0..<ranks {
          let names = events.filter { $0["pid"] as? Int == rank && $0["ph"] as? String == "X" }
            .compactMap { $0["name"] as? String }
          for name in ["load", "tokenize", "prefill", "attention", "decode"] {
            #expect(names.contains(name), "rank \(rank) has no \(name) among \(Set(names))")
          }
        }
      }
    }

    /// A row for the last position before the answer and for each generated token but the last,
    /// after one for each position of the context with `--logits-all`.
    @Test(arguments: [[], ["--prompt", "The secret"]])
    func logits(prompt: [String]) throws {
      let (context, vocabulary, generated) = (700, 258, 5)
      try withFile(try Haystack.make(tokens: context, needles: 1, seed: 2).text) { path in
        let arguments = ["--context", path, "--max-tokens", "\(generated)"] + prompt
        func rows(_ ranks: Int, _ options: [String] = []) throws -> [UInt8] {
          let file = path + ".safetensors"
          let run = try runRingflash(arguments + ["--logits", file] + options, ranks: ranks)
          expectSuccess(run, "\(ranks) ranks, \(options)")
          let tensor = try #require(try SafetensorsFile(path: file).tensor(named: "logits"))
          #expect(tensor.elementType == .float32)
          let count = options.isEmpty ? 0 : context - (prompt.isEmpty ? 1 : 0)
          #expect(tensor.shape == [count + generated, vocabulary])
          return Array(tensor.bytes)
        }
        let some = try rows(1)
        #expect(try rows(3) == some)
        let all = try rows(1, ["--logits-all"])
        #expect(try rows(3, ["--logits-all"]) == all)
        #expect(Array(all.suffix(some.count)) == some)
        // The rows are not one and the same: the text has more than ten different letters.
        let bytes = vocabulary * 4
        #expect(
          Set(stride(from: 0, to: all.count, by: bytes).map { all[$0..<$0 + bytes] }).count > 10)
      }
    }
  }
}
