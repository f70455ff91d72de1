import CommandLine
import Ranks
import Testing

@Suite struct CommandLineParserTests {
  @Test func everyOptionOfGenerate() throws {
    let options = try generateOptions([
      "--context", "a.txt", "--prompt", "- a list", "--ignore-position-limit", "--model", "dir",
      "--random-weights",
      "--max-tokens", "0", "--stop", "\n", "--stop", "--json", "--temperature", "0.5", "--top-k",
      "40",
      "--top-p", "0.9", "--min-p", "0.1", "--repetition-penalty", "1.1", "--presence-penalty",
      "-1", "--frequency-penalty", "-2", "--template-variable", "a=null", "--seed",
      "18446744073709551615", "--precision", "fp32", "--threads",
      "1024", "--partition", "striped", "--stall-timeout",
      "1000000", "--config", "c.yaml", "--json", "--report", "r.json",
      "--logits", "l.safetensors", "--logits-all", "--trace", "t.json", "--quiet", "--log-level",
      "debug",
    ])
    #expect(options.context == "a.txt")
    #expect(options.tokenIds == nil)
    #expect(options.prompt == "- a list")
    #expect(options.promptFile == nil)
    #expect(options.ignorePositionLimit)
    #expect(options.model == "dir")
    #expect(options.randomWeights)
    #expect(options.maxTokens == 0)
    #expect(options.stop == ["\n", "--json"])
    #expect(options.temperature == 0.5)
    #expect(options.topK == 40)
    #expect(options.topP == 0.9 && options.minP == 0.1 && options.repetitionPenalty == 1.1)
    #expect(options.presencePenalty == -1 && options.frequencyPenalty == -2)
    #expect(options.templateVariables == [TemplateVariable(name: "a", value: "null")])
    #expect(options.seed == UInt64.max)
    #expect(options.precision == .fp32)
    #expect(options.threads == 1024)
    #expect(options.partition == .striped)
    #expect(options.stallTimeout == 1_000_000)
    #expect(options.config == "c.yaml")
    #expect(options.json)
    #expect(options.report == "r.json")
    #expect(options.logits == "l.safetensors")
    #expect(options.logitsAll)
    #expect(options.trace == "t.json")
    #expect(options.quiet)
    #expect(options.logLevel == .debug)
  }

  /// Stop texts are taken out before the others are parsed.
  @Test func stopTextsBetweenWhatLooksLikeThem() throws {
    let options = try generateOptions([
      "generate", "--stop", "a", "--prompt", "--stop", "--stop=b=c", "--quiet", "--stop", "--stop",
      "--system", "--stop=x", "--stop", "--",
    ])
    #expect(options.stop == ["a", "b=c", "--stop", "--"])
    #expect(options.prompt == "--stop" && options.system == "--stop=x" && options.quiet)
    for wrong in [
      ["--stop"], ["--stop", ""], ["--stop="], ["info", "--stop", "a"], ["--", "--stop"],
    ] {
      #expect(parseFailure(wrong)?.exitCode == .usage, "\(wrong)")
    }
  }

  @Test func whatIsNotGivenIsNil() throws {
    for arguments in [[], ["generate"]] {
      let options = try generateOptions(arguments)
      #expect(options.context == nil && options.maxTokens == nil && options.stop.isEmpty)
      #expect(options.seed == nil && options.precision == nil && options.logLevel == nil)
      #expect(!options.json && !options.quiet && !options.logitsAll && !options.randomWeights)
    }
  }

  /// Values that could be taken for something else: commands, options, standard input.
  @Test(arguments: [
    "info", "haystack", "--help", "--version", "-h", "--", "-", "--quiet", "", " ", "=", "a=b",
  ])
  func promptIsTakenAsItStands(prompt: String) throws {
    let options = try generateOptions(["--context", "-", "--prompt", prompt])
    #expect(options.context == "-")
    #expect(options.prompt == prompt)
  }

  @Test(arguments: [
    ["--threads", "1"], ["--threads", "1024"], ["--max-tokens", "0"],
    ["--max-tokens", "2147483647"], ["--temperature", "0"], ["--temperature", "1e3"],
    ["--top-p", "1"], ["--top-p", "0.0001"], ["--top-k", "0"], ["--seed", "0"],
    ["--min-p", "0"], ["--min-p", "1"], ["--repetition-penalty", "0.01"],
    ["--repetition-penalty", "20"], ["--presence-penalty", "2"], ["--frequency-penalty", "-2"],
    ["--template-variable", "enable_thinking=false"], ["--template-variable", "_b9=[\"=\"]"],
    ["--template-variable", "a= 1 "], ["--template-variable", "token=\"\""],
    ["--precision", "bf16"], ["--partition", "contiguous"], ["--log-level", "critical"],
    ["--token-ids", "ids.json"], ["--prompt-file", "p.txt"], ["--prompts", "-"],
    ["--answers", "-"], ["--batch", "1"], ["--batch", "64"],
    ["haystack", "--tokens", "99", "--prompts", "p", "--answers", "a"],
  ])
  func valueInRange(arguments: [String]) {
    #expect(parseFailure(arguments) == nil)
  }

  @Test(arguments: [
    ["--threads", "0"], ["--threads", "1025"], ["--threads", "-1"], ["--threads", "four"],
    ["--threads", "1.5"], ["--threads", ""], ["--threads"], ["--threads", "--quiet"],
    ["--max-tokens", "-1"], ["--max-tokens", "2147483648"], ["--max-tokens", "1e3"],
    ["--temperature", "-0.1"], ["--temperature", "inf"], ["--temperature", "nan"],
    ["--temperature", "hot"], ["--top-p", "0"], ["--top-p", "1.01"], ["--top-p", "nan"],
    ["--min-p", "-0.1"], ["--min-p", "1.1"], ["--min-p", "nan"],
    ["--repetition-penalty", "0"], ["--repetition-penalty", "-1"],
    ["--repetition-penalty", "inf"], ["--presence-penalty", "2.1"],
    ["--frequency-penalty", "-2.1"], ["--frequency-penalty", "nan"],
    ["--template-variable", "a"], ["--template-variable", "a="], ["--template-variable", "=1"],
    ["--template-variable", "a=yes"], ["--template-variable", "a=1 2"],
    ["--template-variable", "a-b=1"], ["--template-variable", "9=1"],
    ["--template-variable", "messages=[]"], ["--template-variable", "bos_token=\"\""],
    ["--template-variable", "add_generation_prompt=false"], ["--template-variable", "tools=[]"],
    ["--template-variable", "documents=[]"], ["--template-variable", "a=1}"],
    ["--top-p", "-1"], ["--top-k", "-1"], ["--seed", "-1"], ["--seed", "18446744073709551616"],
    ["--precision", "fp16"], ["--precision", "BF16"], ["--partition", "ring"],
    ["--stall-timeout", "0"], ["--stall-timeout", "1.5"], ["--log-level", "loud"], ["--stop", ""],
    ["--context", ""], ["--report", ""],
    ["--context"], ["--context", "--quiet"], ["--quiet=yes"], ["--no-quiet"], ["--prompt"],
    ["--prompt", "a", "--prompt-file", "b"], ["--context", "a", "--token-ids", "b"],
    ["--prompt", "a", "--prompts", "b"], ["--prompt-file", "a", "--prompts", "b"],
    ["--batch", "0"], ["--batch", "65"], ["--batch", "x"], ["--prompts", ""], ["--answers", ""],
    ["--context", "a", "stray"], ["--quiet", "haystack"], ["stray"], ["--", "stray"], ["-q"],
    ["--unknown"], ["--contxt", "a"], ["generate", "stray"], ["generate", "--needles", "3"],
    ["info", "stray"], ["info", "--context", "a"], ["inspect", "--model"], ["export"],
    ["export", "d", "--model", "d"],
    ["haystack"], ["haystack", "--tokens", "0"], ["haystack", "--tokens", "1", "--needles", "-1"],
    ["haystack", "--tokens", "9", "--ask", "0"], ["haystack", "--tokens", "9", "stray"],
    ["haystack", "--tokens", "99", "--prompts", "a", "--ask", "1"],
    ["haystack", "--tokens", "99", "--prompts", "a", "--needles", "0"],
    ["inspect", "--ranks", "3"], ["inspect", "--max-tokens", "3"],
    ["perplexity"], ["perplexity", "--context", "a", "--token-ids", "b"],
    ["perplexity", "--context", "a", "--skip", "-1"], ["perplexity", "--context", "a", "stray"],
    ["perplexity", "--context", "a", "--against", ""],
    ["perplexity", "--context", "a", "--random-weights"],
    ["perplexity", "--context", "a", "--prompt", "b"],
    ["help", "stray"], ["bench"], ["bench", "stray"], ["bench", "attention", "--query-heads", "3"],
    ["bench", "attention", "--query-heads", "8", "--kv-heads", "3"],
    ["bench", "attention", "--format", "xml"], ["bench", "attention", "--repetitions", "0"],
    ["bench", "linear", "--rows", "0"], ["bench", "linear", "--inputs", "1048577"],
    ["bench", "linear", "--outputs", "x"], ["bench", "linear", "--tokens", "1"],
    ["bench", "ring", "--bytes", "0"], ["bench", "ring", "--bytes", "1,,2"],
    ["bench", "ring", "--bytes", "1024,"], ["bench", "ring", "--bytes", "1KiB"],
    ["bench", "ring", "--bytes", ""], ["bench", "ring", "--head-dim", "40"],
    ["bench", "model", "--prefill", "0", "--generate", "0"], ["bench", "model", "--model", ""],
    ["bench", "model", "--prefill", "-1"], ["bench", "model", "--depth", "0"],
    ["bench", "model", "--partition", "ring"], ["bench", "model", "dir"],
    ["--generate-completion-script", "none"],
  ])
  func wrongUsage(arguments: [String]) throws {
    let failure = try #require(parseFailure(arguments))
    #expect(failure.exitCode == .usage)
    #expect(failure.message.hasPrefix("ringflash: error: "))
    #expect(failure.message.contains("--help')"))
    #expect(!failure.message.contains("\n"))
  }

  @Test func messagesNameTheOptionTheValueAndTheHelp() {
    let cases: [([String], String)] = [
      (
        ["--threads", "0"],
        """
        ringflash: error: the value '0' is invalid for '--threads <n>': expected a whole number \
        from 1 to 1024 (see 'ringflash generate --help')
        """
      ),
      (
        ["bench", "attention", "--precision", "int8"],
        """
        ringflash: error: the value 'int8' is invalid for '--precision <type>': expected one of \
        bf16, fp32 (see 'ringflash bench attention --help')
        """
      ),
      (
        ["bench"],
        """
        ringflash: error: name what to measure, one of attention, linear, ring, model \
        (see 'ringflash bench --help')
        """
      ),
      (
        ["bench", "ring", "--bytes", "1024,many"],
        """
        ringflash: error: the value '1024,many' is invalid for '--bytes <n,n>': expected whole \
        numbers from 1 to 2147483647 with commas between them (see 'ringflash bench ring --help')
        """
      ),
      (
        ["haystak", "--tokens", "5"],
        """
        ringflash: error: there is no command 'haystak', did you mean 'haystack'? \
        (see 'ringflash --help')
        """
      ),
      (
        ["xyz"],
        "ringflash: error: there is no command 'xyz' (see 'ringflash --help')"
      ),
      (
        ["--context", "a", "two\nlines"],
        """
        ringflash: error: unexpected argument 'two lines' (see 'ringflash generate --help')
        """
      ),
    ]
    for (arguments, message) in cases {
      #expect(parseFailure(arguments)?.message == message)
    }
  }

  @Test(arguments: [
    [], ["generate"], ["info"], ["inspect"], ["contexts"], ["plan"], ["haystack"], ["export"],
    ["perplexity"],
    ["bench"], ["bench", "attention"], ["bench", "linear"], ["bench", "ring"], ["bench", "model"],
  ])
  func helpHasExamples(command: [String]) {
    for arguments in [command + ["--help"], command + ["-h"], ["help"] + command] {
      guard case .failure(.text(let text)) = CommandLineParser.parse(arguments) else {
        Issue.record("\(arguments) gives no help")
        continue
      }
      #expect(text.contains("USAGE: ringflash"), "\(arguments)")
      #expect(text.contains("Examples:\n"), "\(arguments)")
      // Looking into a model or at folders needs one rank, and so does looking ahead.
      #expect(
        text.contains("mpirun -np ") || [["inspect"], ["contexts"], ["plan"]].contains(command),
        "\(arguments)")
      #expect(text.hasSuffix("\n") && !text.hasSuffix("\n\n"), "\(arguments)")
      // A wrapped example cannot be copied; the lines of one begin with two spaces.
      let examples = text.split(separator: "Examples:\n")[1].split(separator: "\nUSAGE:")[0]
      for line in examples.split(separator: "\n") {
        #expect(line.hasPrefix("  "), "\(arguments): \(line)")
      }
    }
  }

  @Test func version() {
    #expect(CommandLineParser.parse(["--version"]).failure == .text("0.1.0\n"))
  }

  @Test func optionsOfOtherCommands() throws {
    guard
      case .benchAttention(let bench) = try CommandLineParser.parse([
        "bench", "attention", "--tokens", "4096", "--query-heads", "16", "--kv-heads", "4",
        "--head-dim", "64", "--window", "512", "--precision", "fp32", "--threads", "2",
        "--repetitions", "3",
        "--format", "jsonl",
      ]).get()
    else { return #expect(Bool(false), "not bench attention") }
    #expect(bench.tokens == 4096 && bench.window == 512)
    #expect(bench.heads.queryHeads == 16 && bench.heads.kvHeads == 4 && bench.heads.headDim == 64)
    #expect(bench.common.precision == .fp32 && bench.common.threads == 2)
    #expect(bench.common.repetitions == 3 && bench.common.format == .jsonLines)

    guard
      case .haystack(let haystack) = try CommandLineParser.parse([
        "haystack", "--tokens", "1000", "--needles", "8", "--ask", "3", "--seed", "7", "--output",
        "h.txt", "--answers", "a.json",
      ]).get()
    else { return #expect(Bool(false), "not haystack") }
    #expect(haystack.tokens == 1000 && haystack.needles == 8 && haystack.ask == 3)
    #expect(haystack.seed == 7 && haystack.output == "h.txt" && haystack.answers == "a.json")

    guard case .inspect(let inspect) = try CommandLineParser.parse(["inspect", "--json"]).get()
    else { return #expect(Bool(false), "not inspect") }
    #expect(inspect.model == "needle" && inspect.json)
    #expect(inspect.tokens == nil && inspect.ranks == nil && !inspect.randomWeights)

    guard
      case .perplexity(let perplexity) = try CommandLineParser.parse([
        "perplexity", "--token-ids", "i", "--against", "a", "--skip", "7", "--model", "m",
        "--tokenizer", "t", "--random-weights", "--strict", "--ignore-position-limit",
        "--precision", "fp32",
        "--threads", "3", "--partition", "striped", "--stall-timeout", "9", "--json", "--report",
        "r", "--quiet", "--log-level", "debug",
      ]).get()
    else { return #expect(Bool(false), "not perplexity") }
    #expect(perplexity.against == "a" && perplexity.skip == 7)
    let settings = try perplexity.settings()
    #expect(settings.context == .tokenIds(path: "i") && settings.model == .stored("m"))
    #expect(settings.tokenizer == "t")
    #expect(settings.randomWeights && settings.strict && settings.ignorePositionLimit)
    #expect(settings.numerics.precision == .fp32 && settings.threads == 3)
    #expect(settings.partition == .striped && settings.stallTimeout == 9)
    #expect(settings.json && settings.report == "r" && settings.quiet)
    #expect(settings.logLevel == .debug && settings.prompt == nil && settings.logits == nil)

    guard case .info(let info) = try CommandLineParser.parse(["info"]).get()
    else { return #expect(Bool(false), "not info") }
    #expect(!info.json)

    guard
      case .export(let export) = try CommandLineParser.parse(["export", "d", "--overwrite"]).get()
    else { return #expect(Bool(false), "not export") }
    #expect(export.directory == "d" && export.overwrite && export.model == .plain)
    guard
      case .export(let export) = try CommandLineParser.parse([
        "export", "d", "--model", "needle-sinks",
      ]).get()
    else { return #expect(Bool(false), "not export") }
    #expect(export.model == .sinks && !export.overwrite)
  }
}

extension Result {
  fileprivate var failure: Failure? {
    if case .failure(let failure) = self { failure } else { nil }
  }
}
