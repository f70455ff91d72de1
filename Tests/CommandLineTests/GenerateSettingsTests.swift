import CommandLine
import Foundation
import Inference
import Ranks
import Testing
import Transformer

@Suite struct GenerateSettingsTests {
  private func exitCode(_ arguments: [String]) throws -> ExitCode? {
    let options = try generateOptions(arguments)
    return caughtFailure { _ = try GenerateSettings(options) }?.exitCode
  }

  @Test func defaults() throws {
    let settings = try GenerateSettings(generateOptions(["--token-ids", "ids.json"]))
    #expect(settings.context == .tokenIds(path: "ids.json"))
    #expect(settings.prompt == nil)
    #expect(settings.model == .builtIn(.plain))
    #expect(settings.generation == GenerationChoices())
    #expect(settings.numerics.precision == .bf16)
    #expect(settings.threads == nil)
    #expect(settings.partition == .zigzag)
    #expect(settings.stallTimeout == 300)
    #expect(!settings.json && !settings.quiet && !settings.logitsAll)
    #expect(!settings.ignorePositionLimit && !settings.randomWeights)
    #expect(settings.report == nil && settings.logits == nil && settings.trace == nil)
    #expect(settings.logLevel == .warning)
  }

  @Test func builtInModelsByTheirNames() throws {
    for variant in NeedleModel.Variant.allCases {
      let options = ["--context", "a", "--model", variant.rawValue]
      #expect(try GenerateSettings(generateOptions(options)).model == .builtIn(variant))
      #expect(ModelSource("./\(variant.rawValue)") == .stored("./\(variant.rawValue)"))
    }
    #expect(Set(NeedleModel.Variant.allCases.map(\.rawValue)).contains("needle"))
  }

  @Test func optionsThatNeedOthers() throws {
    #expect(try exitCode([]) == .usage)
    #expect(try exitCode(["--prompt", "why"]) == .usage)
    #expect(try exitCode(["--context", "a", "--random-weights"]) == .usage)
    for model in ["needle", "needle-moe", "needle-sinks"] {
      #expect(
        try exitCode(["--context", "a", "--random-weights", "--model", model]) == .usage, "\(model)"
      )
    }
    #expect(try exitCode(["--context", "a", "--random-weights", "--model", "d"]) == nil)
    #expect(try exitCode(["--context", "a", "--checkpoint-every", "1"]) == .usage)
    #expect(try exitCode(["--context", "a", "--save", "d", "--checkpoint-every", "1"]) == nil)
    #expect(try exitCode(["--resume", "d", "--checkpoint-every", "1"]) == nil)
    for other in [
      ["--context", "a"], ["--token-ids", "a"], ["--chat"], ["--system", "s"],
      ["--logits", "l", "--logits-all"],
    ] {
      #expect(parseFailure(["--resume", "d"] + other)?.exitCode == .usage, "\(other)")
    }
    #expect(try exitCode(["--context", "a", "--logits-all"]) == .usage)
    #expect(try exitCode(["--context", "a", "--logits-all", "--logits", "l"]) == nil)
    #expect(try exitCode(["--context", "a", "--system", "s"]) == .usage)
    #expect(try exitCode(["--context", "a", "--chat", "--system", "s"]) == nil)
    #expect(try exitCode(["--token-ids", "a", "--chat"]) == .usage)
    #expect(try exitCode(["--context", "-", "--prompt-file", "-"]) == .usage)
    #expect(try exitCode(["--token-ids", "-", "--config", "-"]) == .usage)
    #expect(try exitCode(["--context", "-", "--prompt-file", "p"]) == nil)
  }

  @Test func questions() throws {
    let asking = ["--context", "c", "--prompts", "q"]
    let settings = try GenerateSettings(generateOptions(asking))
    #expect(settings.prompt == nil)
    #expect(settings.questions?.prompts == "q" && settings.questions?.answers == nil)
    #expect(settings.questions?.batch == 16)
    let all = try GenerateSettings(
      generateOptions(asking + ["--answers", "a", "--batch", "5", "--json", "--report", "r"]))
    #expect(all.questions?.answers == "a" && all.questions?.batch == 5)
    #expect(
      try GenerateSettings(generateOptions(asking + ["--answers", "-"])).questions?.answers == nil)
    for wrong in [
      ["--logits", "l"], ["--json"], ["--json", "--answers", "-"],
    ] {
      #expect(try exitCode(asking + wrong) == .usage, "\(wrong)")
    }
    #expect(try exitCode(["--context", "-", "--prompts", "-"]) == .usage)
    #expect(try exitCode(["--context", "c", "--answers", "a"]) == .usage)
    #expect(try exitCode(["--context", "c", "--prompt", "p", "--batch", "2"]) == .usage)
  }

  /// A flag for one way to ask replaces the other in the file, and what belongs to it.
  @Test(
    arguments: [
      (["--prompt", "p"], "prompts: q\nanswers: a\nbatch: 3", nil, nil, nil),
      (["--prompt-file", "p"], "prompts: q\nanswers: a", nil, nil, nil),
      (["--prompts", "p"], "prompts: q\nanswers: a\nbatch: 3", "p", "a", 3),
      (["--prompts", "p", "--answers", "b"], "prompt: q", "p", "b", 16),
      (["--answers", "b", "--batch", "2"], "prompts: q\nanswers: a", "q", "b", 2),
    ] as [([String], String, String?, String?, Int?)])
  func waysToAskOfFlagsAndFile(
    flags: [String], yaml: String, prompts: String?, answers: String?, batch: Int?
  ) throws {
    let file = try ConfigurationFile.options(yaml: yaml, path: "c.yaml")
    let settings = try GenerateSettings(
      generateOptions(flags + ["--context", "c"]).filled(from: file))
    #expect(settings.questions?.prompts == prompts)
    #expect(settings.questions?.answers == answers)
    #expect(settings.questions?.batch == batch)
    #expect((settings.prompt == nil) == (prompts != nil))
  }

  /// A flag for one of two options that exclude each other replaces the other in the file.
  @Test(arguments: [
    (["--context", "a"], "token-ids: b", GenerateSettings.Context.text(path: "a")),
    (["--token-ids", "a"], "context: b", .tokenIds(path: "a")),
    ([], "token-ids: b", .tokenIds(path: "b")),
  ])
  func contextOfFlagsAndFile(
    flags: [String], yaml: String, context: GenerateSettings.Context
  ) throws {
    let file = try ConfigurationFile.options(yaml: yaml, path: "c.yaml")
    let settings = try GenerateSettings(generateOptions(flags).filled(from: file))
    #expect(settings.context == context)
  }

  /// A variable of one name that is given here replaces that of the file.
  @Test func templateVariablesOfFlagsAndFile() throws {
    let yaml = "context: b\nchat: true\ntemplate-variable: [a=1, b=2]"
    let file = try ConfigurationFile.options(yaml: yaml, path: "c.yaml")
    let flags = try generateOptions(["--template-variable", "b={\"c\": \"=\"}"])
    #expect(
      try GenerateSettings(flags.filled(from: file)).templateVariables == [
        TemplateVariable(name: "b", value: "{\"c\": \"=\"}"),
        TemplateVariable(name: "a", value: "1"),
      ])
  }

  @Test(arguments: [
    (["--template-variable", "a=1"], ["--template-variable", "--chat"]),
    (
      ["--chat", "--template-variable", "a=1", "--template-variable", "a=2"],
      ["--template-variable", "'a'", "twice"]
    ),
  ])
  func templateVariablesThatMakeNoSense(arguments: [String], words: [String]) throws {
    let options = try generateOptions(["--context", "a"] + arguments)
    let failure = caughtFailure { _ = try GenerateSettings(options) }
    #expect(failure?.exitCode == .usage)
    for word in words { #expect(failure?.sentence.contains(word) == true, "\(failure as Any)") }
  }

  /// `--resume` replaces in a file all that a saved context says itself.
  @Test func resumeOfFlagsAndFile() throws {
    let yaml = """
      context: b
      save: d
      chat: true
      system: s
      template-variable: a=1
      checkpoint-every: 5
      """
    let file = try ConfigurationFile.options(yaml: yaml, path: "c.yaml")
    let settings = try GenerateSettings(generateOptions(["--resume", "e"]).filled(from: file))
    #expect(settings.context == .saved(path: "e"))
    #expect(settings.save == nil && !settings.chat && settings.system == nil)
    #expect(settings.templateVariables.isEmpty)
    #expect(settings.checkpointMinutes == 5)
  }

  /// What is added belongs to the saved context of its own place, or to the only one.
  @Test(
    arguments: [
      (["--resume", "e", "--append", "x"], "save: d", ["x"], "d"),
      (["--resume", "e"], "save: d\nappend: [y, z]", ["y", "z"], "d"),
      (["--resume", "e"], "resume: f\nappend: y\nsave: d", [], nil),
      ([], "save: d\nresume: f\nappend: y", ["y"], "d"),
      (["--append", "x"], "resume: f\nappend: y", ["x"], nil),
      (["--context", "c"], "resume: f\nappend: y", [], nil),
    ] as [([String], String, [String], String?)])
  func appendOfFlagsAndFile(
    flags: [String], yaml: String, appended: [String], save: String?
  ) throws {
    let file = try ConfigurationFile.options(yaml: yaml, path: "c.yaml")
    let settings = try GenerateSettings(generateOptions(flags).filled(from: file))
    #expect(settings.appended == appended.map { .text(path: $0) })
    #expect(settings.save == save)
  }

  /// A folder to save in and a cache are two ways to say one thing, a conversation is a context and its
  /// question.
  @Test(
    arguments: [
      (["--context", "c"], "cache: k\ncache-size: 2", nil, "k"),
      (["--context", "c", "--save", "s"], "cache: k\ncache-size: 2", "s", nil),
      (["--context", "c", "--cache", "k"], "save: s", nil, "k"),
      (["--resume", "r"], "context: c\ncache: k", nil, nil),
      (["--messages", "m"], "context: c\nprompt: p\nsystem: s\nchat: true\ncache: k", nil, "k"),
    ] as [([String], String, String?, String?)])
  func cacheOfFlagsAndFile(flags: [String], yaml: String, save: String?, cache: String?) throws {
    let file = try ConfigurationFile.options(yaml: yaml, path: "c.yaml")
    let settings = try GenerateSettings(generateOptions(flags).filled(from: file))
    #expect(settings.save == save && settings.cache?.path == cache)
    if let cache = settings.cache {
      #expect(cache.mostBytes == (yaml.contains("size") ? 2_000_000_000 : 100_000_000_000))
    }
    if flags[0] == "--messages" {
      #expect(settings.context == .messages(path: "m"))
      #expect(settings.prompt == nil && settings.system == nil)
    }
  }

  @Test func appendMakesSenseBehindASavedContext() throws {
    let extending = ["--resume", "r", "--append", "a"]
    let settings = try GenerateSettings(
      generateOptions(extending + ["--append", "b", "--passed", "queries"]))
    #expect(settings.appended == [.text(path: "a"), .text(path: "b")])
    #expect(settings.passed == .queries)
    #expect(
      try GenerateSettings(generateOptions(["--resume", "r", "--append-token-ids", "a"])).appended
        == [.tokenIds(path: "a")])
    for wrong in [
      ["--context", "c", "--append", "a"], ["--append", "a"],
      extending + ["--checkpoint-every", "1"], ["--resume", "r", "--save", "s"],
      ["--resume", "r", "--passed", "queries"],
      ["--resume", "r", "--append", "-", "--prompt-file", "-"],
    ] {
      #expect(try exitCode(wrong) == .usage, "\(wrong)")
    }
    #expect(try exitCode(extending + ["--save", "s", "--checkpoint-every", "1"]) == nil)
    for wrong in [["--append-token-ids", "b"], ["--logits", "l", "--logits-all"], ["--chat"]] {
      #expect(parseFailure(extending + wrong)?.exitCode == .usage, "\(wrong)")
    }
  }

  @Test func codableForTheBroadcast() throws {
    for arguments in [
      ["--context", "a"],
      [
        "--token-ids", "-", "--prompt", "\u{0}\n\u{1F600}", "--seed", "18446744073709551615",
        "--temperature", "0.1", "--stop", "a", "--stop", "b", "--threads", "7", "--json",
      ],
      ["--resume", "r", "--append", "a", "--append", "-", "--passed", "keys-and-values"],
      ["--messages", "m", "--cache", "k", "--cache-size", "0.5"],
    ] {
      let settings = try GenerateSettings(generateOptions(arguments))
      let decoded = try JSONDecoder().decode(
        GenerateSettings.self, from: JSONEncoder().encode(settings))
      #expect(decoded == settings, "\(arguments)")
    }
  }

  /// Whoever speaks first wins: all combinations of who speaks.
  @Test func orderOfMerging() {
    let sources = (1...3).map { i in
      var sampling = SamplingChoices(
        temperature: Double(i), topK: 10 * i, topP: 1 / Double(1 + i), minP: Double(i) / 10,
        seed: UInt64(100 * i))
      sampling.repetitionPenalty = 1 + Double(i)
      sampling.presencePenalty = Double(i) / 4
      sampling.frequencyPenalty = -Double(i) / 4
      return GenerationChoices(maxTokens: i, stopTexts: ["\(i)"], sampling: sampling)
    }
    for speaking in 0..<8 {
      let said = (0..<3).map { speaking >> $0 & 1 == 1 ? sources[$0] : GenerationChoices() }
      let merged = GenerationParameters(flags: said[0], file: said[1], model: said[2])
      if let first = (0..<3).first(where: { speaking >> $0 & 1 == 1 }) {
        let expected = sources[first]
        #expect(merged.maxTokens == expected.maxTokens, "\(speaking)")
        #expect(merged.stopTexts == expected.stopTexts, "\(speaking)")
        #expect(merged.sampling == SamplingParameters(expected.sampling), "\(speaking)")
        #expect(merged.sampling.penalties.presence == Double(first + 1) / 4, "\(speaking)")
      } else {
        #expect(merged.maxTokens == 128 && merged.stopTexts == [])
        #expect(merged.sampling == SamplingParameters(temperature: 0, topK: 0, topP: 1, seed: 0))
      }
    }
  }

  /// Each field is merged for itself.
  @Test func fieldsFromDifferentPlaces() {
    let merged = GenerationParameters(
      flags: GenerationChoices(sampling: .init(topK: 3)),
      file: GenerationChoices(maxTokens: 9, sampling: .init(topK: 4)),
      model: GenerationChoices(
        maxTokens: 8, stopTexts: ["</s>"], sampling: .init(temperature: 0.6, topP: 0.95)))
    #expect(merged.maxTokens == 9 && merged.stopTexts == ["</s>"])
    #expect(merged.sampling == SamplingParameters(temperature: 0.6, topK: 3, topP: 0.95, seed: 0))
  }

  @Test func failureMessageIsOneLine() throws {
    let failure = Failure(.noInput, "context 'a\nb\u{1B}' does not exist")
    #expect(failure.message == #"ringflash: error: context 'a\nb\u{1B}' does not exist"#)
    let decoded = try JSONDecoder().decode(Failure.self, from: JSONEncoder().encode(failure))
    #expect(decoded == failure)
  }

  @Test func exitCodesAreThoseOfSysexits() {
    #expect(ExitCode.allCases.map(\.rawValue) == [64, 65, 66, 69, 70, 74, 75])
  }
}
