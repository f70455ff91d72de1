import ChatTemplates
import CommandLine
import Files
import Foundation
import TestSupport
import Testing

/// Where a rendered conversation is cut in two.
@Suite struct ChatTextTests {
  private func chat(
    _ source: String, context: String = "  The context.\n", prompt: String = "Why? \n",
    system: String? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> ChatText {
    let template = try ChatTemplate(source, name: "test")
    let tokens = ["bos_token": "<s>"]
    let text = try ChatText(
      template: ModelChatTemplate(template, specialTokens: tokens), system: system,
      context: context, prompt: prompt)
    var messages = system.map { [ChatMessage(.system, $0)] } ?? []
    messages.append(
      ChatMessage(.user, prompt.isEmpty ? context : context + "\n\n" + prompt))
    let exact = try template.render(
      messages: messages, addGenerationPrompt: true, variables: tokens)
    // Whatever the template does, the parts are the whole.
    #expect((text.context + text.prompt).utf8.elementsEqual(exact.utf8), "\(source)")
    #expect(!text.context.isEmpty, "\(source)", sourceLocation: sourceLocation)
    return text
  }

  private static let plain =
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}]{{ m.content }}[/]{% endfor %}[assistant]"

  @Test func contextAndQuestion() throws {
    let text = try chat(Self.plain)
    #expect(text.context == "<s>[user]  The context.\n\n\n")
    #expect(text.prompt == "Why? \n[/][assistant]")
  }

  @Test func contextAlone() throws {
    let text = try chat(Self.plain, prompt: "")
    #expect(text.context == "<s>[user]  The context.\n")
    #expect(text.prompt == "[/][assistant]")
  }

  @Test func systemMessage() throws {
    let text = try chat(Self.plain, system: "Be brief.")
    #expect(text.context == "<s>[system]Be brief.[/][user]  The context.\n\n\n")
    #expect(text.prompt == "Why? \n[/][assistant]")
  }

  /// Another question finds the same first part.
  @Test func otherQuestions() throws {
    let source = Self.plain.replacing("m.content", with: "m.content | trim")
    let context = try chat(source).context
    #expect(context == "<s>[user]The context.\n\n\n")
    for question in ["x", "The context.", "  Why?", "\u{301}", "[/]", "ringflashcontext1x", "a\nb"]
    {
      #expect(try chat(source, prompt: question).context.utf8.elementsEqual(context.utf8))
    }
  }

  @Test func trimmedMessages() throws {
    let trimmed = Self.plain.replacing("m.content", with: "m.content.strip()")
    #expect(try chat(trimmed).prompt == "Why?[/][assistant]")
    let alone = try chat(trimmed, prompt: "")
    #expect(alone.context == "<s>[user]The context.")
    #expect(alone.prompt == "[/][assistant]")
  }

  /// The context holds what the question is, what the mark is, and what the template writes.
  @Test func repeatedTexts() throws {
    let context = "Why? \n[/][assistant]ringflashcontext1x"
    let text = try chat(Self.plain, context: context)
    #expect(text.context == "<s>[user]\(context)\n\n")
    #expect(text.prompt == "Why? \n[/][assistant]")
    let twice = try chat("{{ messages[0].content }}|{{ messages[0].content }}", context: "c")
    #expect(twice.context == "c\n\nWhy? \n|c\n\n")
    #expect(twice.prompt == "Why? \n")
  }

  /// A template that looks into the message: its tail differs between context and mark.
  @Test func measuredMessages() throws {
    let measured = try chat("{{ messages[0].content }}[{{ messages[0].content | length }}]")
    #expect(measured.context == "  The context.\n\n\n")
    #expect(measured.prompt == "Why? \n[23]")
    let reversed = try chat("{{ messages[0].content[::-1] }}")
    #expect(reversed.prompt.isEmpty)
    let last = try chat("{{ messages[-1].content.split()[-1] }}")
    #expect(last.context == "Why?" && last.prompt.isEmpty)
    let refusing = try chat(
      """
      {% if 'ringflash' in messages[0].content %}{{ raise_exception('no') }}{% endif %}\
      <{{ messages[0].content }}>
      """)
    #expect(refusing.context == "<  The context.\n\n\n")
    #expect(refusing.prompt == "Why? \n>")
  }

  @Test func nothing() throws {
    #expect(caughtFailure { _ = try chat("{{ '' }}") }?.exitCode == .badData)
  }

  // MARK: - Model directories

  /// Calls `body` with a directory of these files.
  private func withModel(
    _ files: [String: String], _ body: (String) throws -> Void
  ) throws {
    try withTemporaryDirectory { directory in
      for (name, content) in files {
        try Data(content.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
      }
      try body(directory)
    }
  }

  private func rendered(_ files: [String: String]) throws -> String {
    var text = ""
    try withModel(files) { directory in
      let chat = try ChatText(
        template: ModelChatTemplate(of: .stored(directory)), system: nil, context: "c",
        prompt: "")
      text = chat.context + chat.prompt
    }
    return text
  }

  @Test func sources() throws {
    let file = ["chat_template.jinja": "file {{ messages[0].content }}"]
    let configured = [
      "tokenizer_config.json": #"{"chat_template": "config {{ messages[0].content }}"}"#
    ]
    #expect(try rendered(file) == "file c")
    #expect(try rendered(configured) == "config c")
    #expect(try rendered(file.merging(configured) { $1 }) == "file c")
    let older = [
      "chat_template.json": #"{"chat_template": "older {{ messages[0].content }}"}"#,
      "tokenizer_config.json": "{}",
    ]
    #expect(try rendered(older) == "older c")
    #expect(try rendered(older.merging(configured) { $1 }) == "config c")
    let list = #"""
      {"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]}
      """#
    #expect(try rendered(["tokenizer_config.json": list]) == "d")
  }

  @Test func specialTokens() throws {
    let text = try rendered([
      "chat_template.jinja":
        "{{ bos_token }}{{ eos_token }}{{ unk_token }}{{ pad_token }}|{{ image_token }}",
      "tokenizer_config.json": #"""
      {"bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false}, "pad_token": null,
       "extra_special_tokens": {"image_token": "<img>"}, "model_max_length": 1e30}
      """#,
      "special_tokens_map.json": #"{"bos_token": "no", "unk_token": {"content": "<unk>"}}"#,
    ])
    #expect(text == "<s></s><unk>|<img>")
  }

  @Test(arguments: [
    ([:], "has no chat template"),
    (["tokenizer_config.json": "{}"], "has no chat template"),
    (["tokenizer_config.json": "{"], "tokenizer_config.json: malformed JSON"),
    (["tokenizer_config.json": #"{"chat_template": 7}"#], "\"chat_template\" is the number 7"),
    (
      ["tokenizer_config.json": #"{"chat_template": [{"name": "rag", "template": "r"}]}"#],
      "it has: rag"
    ),
    (["chat_template.jinja": "a\n{{ 1 + }}"], "chat_template.jinja: chat template line 2: "),
    (["chat_template.jinja": "\n\n{{ raise_exception('No!') }}"], "line 3: No!"),
    (
      ["chat_template.jinja": "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"],
      "git lfs pull"
    ),
  ])
  func mistakes(files: [String: String], words: String) throws {
    do {
      _ = try rendered(files)
      Issue.record("\(files) are rendered")
    } catch {
      #expect("\(error)".contains(words), "\(error)")
    }
  }

  @Test func variables() throws {
    let source = "{{ messages[0].content }} {{ a }} {{ b.c[1] is none }} {{ b.c | length }}"
    let tokens = #"{"x": {"content": "s"}, "extra_special_tokens": {"image": "<i>"}}"#
    let files = ["chat_template.jinja": source, "tokenizer_config.json": tokens]
    try withModel(files) { directory in
      func text(_ variables: [TemplateVariable]) throws -> String {
        let chat = try ChatText(
          template: ModelChatTemplate(of: .stored(directory), variables), system: nil,
          context: "c", prompt: "")
        return chat.context + chat.prompt
      }
      let whole = try text([
        TemplateVariable(name: "a", value: "\"é\\n\""),
        TemplateVariable(name: "b", value: #"{"c": [1, null, 18446744073709551615]}"#),
      ])
      #expect(whole == "c é\n True 3")
      let failure = caughtFailure { _ = try text([TemplateVariable(name: "image", value: "1")]) }
      #expect(failure?.exitCode == .usage && failure?.sentence.contains("'image'") == true)
    }
  }

  /// As it stands in a GGUF file, with the special tokens that the file names.
  @Test func aTemplateOfAnotherFile() throws {
    func template(_ source: String, _ variables: [TemplateVariable] = []) throws
      -> ModelChatTemplate
    {
      try ModelChatTemplate(
        source, specialTokens: ["bos_token": "<s>", "eos_token": "</s>"], path: "m.gguf", variables)
    }
    let chat = try ChatText(
      template: template(
        "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ a }}",
        [TemplateVariable(name: "a", value: "1")]),
      system: nil, context: "c", prompt: "")
    #expect(chat.context + chat.prompt == "<s>c</s>1")
    let error = #expect(throws: ChatTemplateError.self) { try template("{{ 1 + }}") }
    #expect(error?.description.contains("m.gguf") == true)
    let failure = caughtFailure {
      _ = try template("x", [TemplateVariable(name: "bos_token", value: "1")])
    }
    #expect(failure?.exitCode == .usage && failure?.sentence.contains("'m.gguf'") == true)
  }

  /// Nothing waits for a writer.
  @Test func aPipeIsNoTemplate() throws {
    try withTemporaryDirectory { directory in
      #expect(mkfifo(directory + "/chat_template.jinja", 0o600) == 0)
      let error = #expect(throws: FileError.self) {
        try ModelChatTemplate(of: .stored(directory))
      }
      #expect(error?.kind == .notFound)
    }
  }

  @Test(arguments: [
    (plain, false, false), (plain.replacing("m.content", with: "m.content | upper"), false, false),
    ("nothing", true, true), ("{{ messages[-1].content[:25] }}", false, true),
    ("{{ messages[-1].content.split('\n')[-1] }}", true, false),
    (
      "{% if messages[0].content | length < 1000 %}{{ raise_exception('short') }}{% endif %}",
      false, false
    ),
  ])
  func omissions(source: String, context: Bool, question: Bool) throws {
    let template = ModelChatTemplate(try ChatTemplate(source, name: "test"), specialTokens: [:])
    let omitted = ChatText.omissions(template: template, system: "ringflashcontext1x")
    #expect(omitted.context == context && omitted.question == question, "\(source)")
  }

  @Test func builtInModel() {
    let failure = caughtFailure { _ = try ModelChatTemplate(of: .standard) }
    #expect(failure?.exitCode == .badData)
    #expect(failure?.sentence.contains("--chat") == true)
  }
}
