import ChatTemplates
import Foundation
import Ranks
import Tokenizers

@testable import CommandLine

extension FuzzTarget {
  /// `tokenizer.json`, and behind a zero byte a text for it.
  static let tokenizer = FuzzTarget(
    name: "tokenizer", seeds: [String(decoding: Tokenizer.bytesJSON(), as: UTF8.self) + "\0añ😀 b"],
    words: [
      "{", "}", "[", "]", ":", ",", "null", "true", "false", "-1", "16777216", "\0", "\\u",
      "\"model\"", "\"type\"", "\"BPE\"", "\"vocab\"", "\"merges\"", "\"added_tokens\"", "\"id\"",
      "\"content\"", "\"special\"", "\"lstrip\"", "\"rstrip\"", "\"normalized\"", "\"single_word\"",
      "\"normalizer\"", "\"pre_tokenizer\"", "\"post_processor\"", "\"decoder\"", "\"Sequence\"",
      "\"normalizers\"", "\"pretokenizers\"", "\"processors\"", "\"decoders\"", "\"ByteLevel\"",
      "\"Split\"", "\"pattern\"", "\"Regex\"", "\"String\"", "\"behavior\"", "\"Isolated\"",
      "\"Removed\"", "\"MergedWithPrevious\"", "\"MergedWithNext\"", "\"Contiguous\"", "\"invert\"",
      "\"Metaspace\"", "\"replacement\"", "\"prepend_scheme\"", "\"Digits\"", "\"Punctuation\"",
      "\"Whitespace\"", "\"WhitespaceSplit\"", "\"individual_digits\"", "\"Replace\"",
      "\"Prepend\"", "\"Strip\"", "\"Lowercase\"", "\"NFC\"", "\"NFKD\"", "\"TemplateProcessing\"",
      "\"ByteFallback\"", "\"Fuse\"", "\"byte_fallback\"", "\"unk_token\"", "\"ignore_merges\"",
      "\"add_prefix_space\"", "\"trim_offsets\"", "\"use_regex\"", "\"<0x0A>\"", "▁", "Ġ",
      "\\\\p{L}", "\\\\s+", "(?!\\\\S)", "(?i:", "(a+)+", "{1,3}", "[^\\\\r\\\\n]", "\\\\b", "|",
    ]
  ) { input in
    let (json, text) = parts(input)
    do {
      let tokenizer = try Tokenizer(json: Data(json), path: "tokenizer.json")
      let texts = text.isEmpty ? Array("Añ 12\n<s> a\u{301}😀  b".utf8) : Array(text)
      for (adding, continuing) in [(true, false), (false, true)] {
        let ids = try tokenizer.encode(
          texts, addingSpecialTokens: adding, continuing: continuing)
        _ = tokenizer.decode(ids, skippingSpecialTokens: continuing)
        var decoder = StreamingDecoder(tokenizer, skippingSpecialTokens: adding)
        for id in ids {
          _ = decoder.append(id)
          _ = tokenizer.bytes(of: id)
        }
        precondition(ids.allSatisfy { 0 <= $0 && $0 < tokenizer.vocabularySize })
      }
      _ = tokenizer.decode(
        [-1, 0, 1, .max, Int32(tokenizer.vocabularySize) - 1],
        skippingSpecialTokens: true)
    } catch {
      expectSentence(error)
    }
  }

  /// A chat template, and behind a zero byte what the user says.
  static let template = FuzzTarget(
    name: "template",
    seeds: [
      "{% for m in messages %}{{ m['role'] + ': ' + m.content | trim }}\n{% endfor %}",
      "{%- macro f(a, b=1) -%}{{ a ~ b }}{%- endmacro %}{{ f('x') }}{{ '%5.2f' % 1.5 }}",
      "{% set ns = namespace(i=0) %}{% for k, v in {'a': 1}.items() %}{% set ns.i = ns.i + v %}"
        + "{{ loop.index }}{% else %}{{ raise_exception('no') }}{% endfor %}{{ ns.i }}",
      "{{ messages | selectattr('role', 'equalto', 'user') | map(attribute='content') | join(',') }}"
        + "{{ messages[::-1][0:1] | tojson(indent=2) }}{{ '{:>9}'.format(3) }}",
    ],
    words: [
      "{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", " for ", " in ", " if ", " else ", "endfor",
      "endif", "elif", "macro", "endmacro", "call", "endcall", "filter", "endfilter", "set",
      "endset", "raw", "endraw", "generation", "endgeneration", "break", "continue", "loop.",
      "loop.cycle(", "loop.changed(", "recursive", "namespace(", "range(", "dict(", "lipsum",
      "cycler(", "joiner(", "raise_exception(", "strftime_now(", "messages", "content", "role",
      " is ", " not ", "defined", "none", "mapping", "iterable", "sequence", "divisibleby(",
      "| ", "| tojson", "| trim", "| join(", "| map(", "| select(", "| selectattr(", "| sort",
      "| groupby(", "| batch(", "| slice(", "| unique", "| list", "| length", "| first", "| last",
      "| default(", "| replace(", "| upper", "| title", "| indent(", "| round(", "| int", "| float",
      "| string", "| center(", "| wordwrap(", "| truncate(", "| format(", "| dictsort", "| items",
      "| min", "| max", "| sum", "| reverse", "| abs", "| random", "| xmlattr", "| wordcount",
      ".split(", ".strip(", ".replace(", ".format(", ".join(", ".items()", ".startswith(",
      ".count(", ".zfill(", ".ljust(", ".expandtabs(", ".splitlines(", ".encode(", "[::-1]", "**",
      "//", "%", "~", "<<", "9223372036854775807", "-9223372036854775808", "1e308", "'%1000000d'",
      "'{:1000000}'", "\\u0000", "\0",
    ]
  ) { input in
    let (source, user) = parts(input)
    do throws(ChatTemplateError) {
      let text = String(decoding: source, as: UTF8.self)
      let template = try ChatTemplate(text, name: "input")
      _ = try template.render(
        messages: [
          ChatMessage(.system, "sé\u{301}"),
          ChatMessage(.user, String(decoding: user, as: UTF8.self)),
          ChatMessage(.assistant, " a\n"),
        ], addGenerationPrompt: true, variables: ["bos_token": "<s>"],
        now: Date(timeIntervalSince1970: 1e9))
    } catch {
      precondition(error.line > 0 && !error.sentence.isEmpty)
    }
  }

  /// What `--config` reads.
  static let yaml = FuzzTarget(
    name: "yaml",
    seeds: [
      "context: text.txt\nmax-tokens: 12\nstop: [\"a\", 'b']\ntemperature: 0.5\njson: true\n",
      "&a model: *a\n---\n? {x: 1}\n: |+\n  text\n", "<<: {seed: 0x10}\n!!str seed: \"1\"\n",
      "a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
    ],
    words: GenerateOption.allCases.map(\.rawValue) + [
      ": ", "- ", "? ", "&a ", "*a", "<<: ", "!!str ", "!!int ", "!!float ", "!!binary ", "!!set ",
      "---\n", "...\n", "|", ">", "|-", "%YAML 1.2\n", "%TAG ! tag:x,2000:\n", "{", "}", "[", "]",
      "~", "null", "true", "no", ".inf", ".nan", "0x1f", "0o17", "1e9", "2001-01-01", "\"", "\\x41",
      "\\u00e9", "'", "#", "\t", "\u{feff}", "\u{2028}", "\u{85}",
    ]
  ) { input in
    guard let text = String(validating: input, as: UTF8.self) else { return }
    do throws(Failure) {
      _ = try ConfigurationFile.options(yaml: text, path: "input.yaml")
    } catch {
      precondition(!error.message.isEmpty)
    }
  }

  /// What `--messages` reads, as a template renders it.
  static let messages = FuzzTarget(
    name: "messages",
    seeds: [
      #"[{"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "n": 1}, {"role": "user", "content": "z"}]"#,
      #"[{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]"#,
    ],
    words: [
      "[", "]", "{", "}", ",", ":", "\"role\"", "\"content\"", "\"type\"", "\"text\"", "\"user\"",
      "\"assistant\"", "\"system\"", "\"tool_calls\"", "null", "1", "\\u0000",
    ]
  ) { input in
    guard let json = String(validating: input, as: UTF8.self),
      let source = try? ChatTemplate(
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}", name: "template")
    else { return }
    do {
      let template = ModelChatTemplate(source, specialTokens: [:])
      let file = try MessagesFile(json: json, name: "messages")
      let rendered = try file.rendered(by: template, now: Date(timeIntervalSince1970: 1e9))
      precondition(!rendered.text.isEmpty)
      _ = rendered.changeOfEarlierTurns
    } catch let error as Failure {
      precondition(!error.message.isEmpty)
    } catch {
      expectSentence(error)
    }
  }

  static let tokenIds = FuzzTarget(
    name: "token-ids", seeds: ["[1, 2, 3]", "[2147483647,0]\n", "[ -1, 1.5, 007, 1e3 ]"],
    words: ["[", "]", ",", "2147483648", "-0", "null", "true", "\"1\"", "{", "1.0", "1e3"]
  ) { input in
    var parser = TokenIdParser(Array(input))
    do throws(TokenIdParser.Malformed) {
      let ids = try parser.tokenIds()
      precondition(!ids.isEmpty && ids.allSatisfy { $0 >= 0 })
    } catch {
      precondition(!error.problem.isEmpty)
    }
  }
}
