import CommandLine
import Ranks
import TestSupport
import Testing

@Suite struct ConfigurationFileTests {
  /// One value of each option that is not its default, as flags and as YAML.
  static let samples: [(option: GenerateOption, flags: [String], yaml: String)] = [
    (.context, ["--context", "b.txt"], "context: b.txt"),
    (.tokenIds, ["--token-ids", "ids.json"], "token-ids: ids.json"),
    (.messages, ["--messages", "m.json"], "messages: m.json"),
    (.resume, ["--resume", "dir"], "resume: dir"),
    (.save, ["--save", "dir"], "save: dir"),
    (.cache, ["--cache", "dir"], "cache: dir"),
    (.cacheSize, ["--cache", "dir", "--cache-size", "1.5"], "cache: dir\ncache-size: 1.5"),
    (
      .checkpointEvery, ["--save", "dir", "--checkpoint-every", "1.5"],
      "save: dir\ncheckpoint-every: 1.5"
    ),
    (.prompt, ["--prompt", "- why?\n"], #"prompt: "- why?\n""#),
    (.promptFile, ["--prompt-file", "p.txt"], "prompt-file: p.txt"),
    (.prompts, ["--prompts", "q.jsonl"], "prompts: q.jsonl"),
    (.answers, ["--prompts", "q", "--answers", "a"], "prompts: q\nanswers: a"),
    (.batch, ["--prompts", "q", "--batch", "3"], "prompts: q\nbatch: 3"),
    (.chat, ["--chat"], "chat: true"),
    (.system, ["--chat", "--system", "- be\n"], "chat: true\nsystem: \"- be\\n\""),
    (
      .templateVariable,
      ["--chat", "--template-variable", "a=false", "--template-variable", "b=[1, {}]"],
      "chat: true\ntemplate-variable: [a=false, \"b=[1, {}]\"]"
    ),
    (.ignorePositionLimit, ["--ignore-position-limit"], "ignore-position-limit: true"),
    (.append, ["--resume", "r", "--append", "b"], "resume: r\nappend: b"),
    (
      .appendTokenIds, ["--resume", "r", "--append-token-ids", "b", "--append-token-ids", "c"],
      "resume: r\nappend-token-ids: [b, c]"
    ),
    (
      .passed, ["--resume", "r", "--append", "b", "--passed", "queries"],
      "resume: r\nappend: b\npassed: queries"
    ),
    (.model, ["--model", "dir"], "model: dir"),
    (.tokenizer, ["--tokenizer", "t.json"], "tokenizer: t.json"),
    (.maxTokens, ["--max-tokens", "64"], "max-tokens: 64"),
    (.stop, ["--stop", "\n", "--stop", "--"], #"stop: ["\n", "--"]"#),
    (
      .randomWeights, ["--random-weights", "--model", "dir"], "random-weights: true\nmodel: dir"
    ),
    (.strict, ["--strict"], "strict: true"),
    (.temperature, ["--temperature", "0.25"], "temperature: 0.25"),
    (.topK, ["--top-k", "5"], "top-k: 5"),
    (.topP, ["--top-p", "0.5"], "top-p: .5"),
    (.minP, ["--min-p", "0.1"], "min-p: 0.1"),
    (.repetitionPenalty, ["--repetition-penalty", "1.1"], "repetition-penalty: 1.1"),
    (.presencePenalty, ["--presence-penalty", "-2"], "presence-penalty: -2"),
    (.frequencyPenalty, ["--frequency-penalty", "0.5"], "frequency-penalty: 0.5"),
    (.seed, ["--seed", "18446744073709551615"], "seed: 18446744073709551615"),
    (.precision, ["--precision", "fp32"], "precision: fp32"),
    (.weightsAs, ["--weights-as", "unpacked"], "weights-as: unpacked"),
    (.kvCache, ["--kv-cache", "q8"], "kv-cache: q8"),
    (.divideWeights, ["--divide-weights", "on"], "divide-weights: on"),
    (.threads, ["--threads", "3"], "threads: 3"),
    (.partition, ["--partition", "striped"], "partition: striped"),
    (.stallTimeout, ["--stall-timeout", "20"], "stall-timeout: 20"),
    (.json, ["--json"], "json: yes"),
    (.report, ["--report", "r.json"], "report: 'r.json'"),
    (.logits, ["--logits", "l"], "logits: l"),
    (.logitsAll, ["--logits-all", "--logits", "l"], "logits-all: true\nlogits: l"),
    (.trace, ["--trace=-t"], "trace: -t"),
    (.sources, ["--sources", "3"], "sources: 3"),
    (.sourcesHTML, ["--sources-html", "p.html"], "sources-html: p.html"),
    (.quiet, ["--quiet"], "quiet: on"),
    (.logLevel, ["--log-level", "trace"], "log-level: trace"),
  ]

  /// The argument parser would take minutes.
  @Test(.timeLimit(.minutes(1))) func aHundredThousandStopTexts() throws {
    let stops = (0..<100_000).map { "- stop \($0)" }
    let yaml = "stop:\n" + stops.map { "  - \"\($0)\"\n" }.joined() + "seed: 3\nquiet: true\n"
    #expect(try settings([], yaml).generation.stopTexts == stops)
    let flags = stops.flatMap { ["--stop", $0] }
    #expect(try settings(["--seed", "3"] + flags).generation.stopTexts == stops)
  }

  /// The settings that flags and YAML give together; a context stands behind them.
  private func settings(_ flags: [String], _ yaml: String = "") throws -> GenerateSettings {
    let behind = try ConfigurationFile.options(yaml: "context: a.txt", path: "behind.yaml")
    let file = try ConfigurationFile.options(yaml: yaml, path: "c.yaml")
    return try GenerateSettings(generateOptions(flags).filled(from: file).filled(from: behind))
  }

  /// Flags and YAML cannot drift apart: every option of the help is known in a file, says the same
  /// there, and is merged.
  @Test func everyOptionInTheHelpMeansTheSameInAFile() throws {
    guard case .failure(.text(let help)) = CommandLineParser.parse(["generate", "--help"]) else {
      return #expect(Bool(false), "no help")
    }
    var names: Set<String> = []
    for line in help.split(separator: "\n") {
      if let match = line.firstMatch(of: /^  (?:-h, )?--([a-z-]+)/) {
        names.insert(String(match.1))
      }
    }
    names.subtract(["config", "help", "version"])
    #expect(names == Set(GenerateOption.allCases.map(\.rawValue)))
    #expect(names == Set(Self.samples.map(\.option.rawValue)))

    let defaults = try settings([])
    for sample in Self.samples {
      let fromFlags = try settings(sample.flags)
      let fromFile = try settings([], sample.yaml)
      #expect(fromFlags == fromFile, "\(sample.option)")
      #expect(fromFlags != defaults, "\(sample.option)")
    }
  }

  @Test(arguments: ["", "\n\n", "# nothing\n", "---\n", "--- ~\n", "{}", "null"])
  func emptyIsNoOptions(yaml: String) throws {
    #expect(try settings([], yaml) == settings([]))
  }

  @Test(arguments: [
    ("stop: x", ["x"]), ("stop: '42'", ["42"]), ("stop: [a, '7']", ["a", "7"]),
    ("stop:\n- a\n- \"-b\"\n", ["a", "-b"]), ("stop: |\n  line\n", ["line\n"]),
    ("stop: !!str 42", ["42"]),
  ])
  func stopTexts(yaml: String, texts: [String]) throws {
    #expect(try settings([], yaml).generation.stopTexts == texts)
  }

  @Test func aFalseFlagIsNotGiven() throws {
    #expect(try settings([], "quiet: false\njson: no") == settings([]))
  }

  @Test(arguments: [
    // Names.
    ("thread: 4", 1, 1, "unknown option 'thread', did you mean 'threads'?"),
    ("seed: 1\n\nmax-token: 4", 3, 1, "unknown option 'max-token', did you mean 'max-tokens'?"),
    ("quiet: true\n  # comment\nMax_tokens: 4", 3, 1, "unknown option 'Max_tokens'"),
    ("config: other.yaml", 1, 1, "unknown option 'config'"),
    ("help: true", 1, 1, "unknown option 'help'"),
    ("<<: {seed: 1}", 1, 1, "unknown option '<<'"),
    ("[a]: 1", 1, 1, "expected the name of an option"),
    // Given twice; the place is that of the first.
    ("json: true\nseed: 1\nquiet: true\nseed: 2", 2, 1, "'seed' is given here and again"),
    ("{seed: 1, \"seed\": 2}", 1, 2, "'seed' is given here and again"),
    // Types.
    ("seed: 1\nthreads: four", 2, 10, "'threads' expects a whole number"),
    ("threads: \"4\"", 1, 10, "'threads' expects a whole number"),
    ("threads: 4.0", 1, 10, "'threads' expects a whole number"),
    ("threads:", 1, 9, "'threads' expects a whole number"),
    ("max-tokens: true", 1, 13, "'max-tokens' expects a whole number"),
    ("temperature: warm", 1, 14, "'temperature' expects a number"),
    ("temperature: '0.5'", 1, 14, "'temperature' expects a number"),
    ("quiet: 1", 1, 8, "'quiet' expects true or false"),
    ("quiet: \"true\"", 1, 8, "'quiet' expects true or false"),
    ("json: []", 1, 7, "'json' expects true or false"),
    ("prompt: 42", 1, 9, "'prompt' expects a text; put it in quotes"),
    ("prompt: yes", 1, 9, "'prompt' expects a text; put it in quotes"),
    ("model: ~", 1, 8, "'model' expects a text; put it in quotes"),
    ("stop: 42", 1, 7, "'stop' expects a text in quotes, or a list of texts"),
    ("stop: [a, 42]", 1, 11, "'stop' expects texts; quote each"),
    ("stop: []", 1, 7, "'stop' expects at least one text"),
    // Nested structures.
    ("model:\n  path: dir", 2, 3, "'model' expects a text"),
    ("threads: [4]", 1, 10, "'threads' expects a whole number"),
    ("stop:\n- [a]", 2, 3, "'stop' expects texts; quote each"),
    ("generation:\n  seed: 1", 1, 1, "unknown option 'generation'"),
    // Values out of range.
    ("seed: 1\nthreads: 0", 2, 10, "expected a whole number from 1 to 1024"),
    ("seed: -1", 1, 7, "expected a whole number from 0"),
    ("max-tokens: -1", 1, 13, "expected a whole number from 0"),
    ("max-tokens: 1_000", 1, 13, "expected a whole number from 0"),
    ("temperature: -1", 1, 14, "expected a finite number from 0 up"),
    ("temperature: .inf", 1, 14, "expected a finite number from 0 up"),
    ("top-p: 0.0", 1, 8, "expected a number above 0 and up to 1"),
    ("checkpoint-every: 0", 1, 19, "expected a finite number of minutes above 0"),
    ("top-p: 2", 1, 8, "expected a number above 0 and up to 1"),
    ("precision: fp16", 1, 12, "expected one of bf16, fp32"),
    ("partition: ring", 1, 12, "expected one of zigzag, contiguous, striped"),
    ("log-level: loud", 1, 12, "expected one of trace, debug"),
    ("stop: ''", 1, 7, "an empty text would stop at once"),
    ("context: ''", 1, 10, "expected the name of a file"),
    ("report: \"a\\0b\"", 1, 9, "cannot contain the character NUL"),
    // Options that exclude each other.
    ("context: a\nseed: 1\ntoken-ids: b", 3, 1, "--context and --token-ids exclude each other"),
    ("context: a\nresume: b", 2, 1, "--context and --resume exclude each other"),
    ("prompt-file: a\nprompt: b", 2, 1, "--prompt and --prompt-file exclude each other"),
    // Not a mapping, not YAML.
    ("seed 1", 1, 1, "expected lines of the form 'option: value'"),
    ("- seed: 1", 1, 1, "expected lines of the form 'option: value'"),
    ("seed: 1\n---\nseed: 2", 2, 1, "but found another document"),
    ("seed: 1\nstop: \"a\nb: c", 3, 5, "found unexpected end of stream"),
    ("seed: 1\nreport: *r", 2, 9, "found undefined alias"),
    ("seed: 1\nreport: a\u{7}b", 2, 10, "control characters are not allowed"),
  ])
  func badData(yaml: String, line: Int, column: Int, problem: String) throws {
    let failure = try #require(
      caughtFailure {
        _ = try ConfigurationFile.options(yaml: yaml, path: "c.yaml")
      })
    #expect(failure.exitCode == .badData)
    #expect(failure.sentence.hasPrefix("c.yaml:\(line):\(column): "), "\(failure.sentence)")
    #expect(failure.sentence.contains(problem), "\(failure.sentence)")
    #expect(!failure.message.contains("\n"))
  }

  @Test func filesThatCannotBeRead() throws {
    func exitCode(_ path: String) -> ExitCode? {
      caughtFailure { _ = try ConfigurationFile.options(path: path) }?.exitCode
    }
    try withTemporaryDirectory { directory in
      #expect(exitCode(directory + "/missing.yaml") == .noInput)
      #expect(exitCode(directory) == .noInput)
    }
    try withFile("seed: 1\n") { #expect(exitCode($0) == nil) }
    try withFile("") { #expect(exitCode($0) == nil) }
    try withFile([0x73, 0x3A, 0xFF]) { #expect(exitCode($0) == .badData) }
  }

  /// Twenty sequences, each ten times the one before, as a key: to compare it would take for ever.
  @Test(.timeLimit(.minutes(1)))
  func aliasesOfAliasesAreRefused() {
    let lines = (1...20).map { level in
      "k\(level): &a\(level) ["
        + [String](repeating: "*a\(level - 1)", count: 10).joined(separator: ",") + "]\n"
    }
    let yaml = "k0: &a0 [x]\n" + lines.joined() + "? *a20\n: 1\n"
    let failure = caughtFailure {
      _ = try ConfigurationFile.options(yaml: yaml, path: "input.yaml")
    }
    #expect(failure?.exitCode == .badData)
    #expect(failure?.sentence.contains("more than 16 aliases") == true)
  }

  /// An alias or two are as good as what they stand for, and stars in a text are none.
  @Test func aFewAliasesAreRead() throws {
    let stars = String(repeating: "*a & *b ", count: 40)
    let yaml = "stop: [&x one, *x]\nprompt: '\(stars)'\n"
    #expect(try settings([], yaml).generation.stopTexts == ["one", "one"])
  }

  @Test func flagsWinOverTheFileTheyName() throws {
    try withFile("context: a.txt\nthreads: 2\nseed: 5\nstop: [x, y]\nprompt-file: p.txt\n") {
      path in
      let flags = try generateOptions(
        ["--config", path, "--threads", "3", "--stop", "z", "--prompt", "why"])
      let settings = try GenerateSettings.resolve(flags)
      #expect(settings.context == .text(path: "a.txt"))
      #expect(settings.prompt == .text("why"))
      #expect(settings.threads == 3)
      #expect(settings.generation == GenerationChoices(stopTexts: ["z"], sampling: .init(seed: 5)))
    }
  }
}
