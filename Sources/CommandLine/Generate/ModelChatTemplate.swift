import ChatTemplates
import Files
import Foundation
import JSON
import ModelFiles
import Ranks
import SystemPackage
import Tokenizers

/// A model's chat template, with the special tokens that it names.
package struct ModelChatTemplate {
  private let template: ChatTemplate
  private let specialTokens: [String: String]
  private let variables: [ChatValue.Member]

  /// - Parameter variables: what a user gives it besides.
  package init(
    _ template: ChatTemplate, specialTokens: [String: String],
    variables: [ChatValue.Member] = []
  ) {
    self.template = template
    self.specialTokens = specialTokens
    self.variables = variables
  }

  /// A template that stands in another file, as in a GGUF file.
  ///
  /// - Parameters:
  ///   - path: the file, for messages.
  ///   - variables: what a user gives it besides.
  /// - Throws: `Failure` with 64 for a variable that is one of the special tokens;
  ///   `ChatTemplateError`, `JSONError`.
  package init(
    _ text: String, specialTokens: [String: String], path: String,
    _ variables: [TemplateVariable] = []
  ) throws {
    self.init(
      try ChatTemplate(text, name: path), specialTokens: specialTokens,
      variables: try Self.members(variables, specialTokens, model: path))
  }

  /// - Throws: as `init(of:_:)` of any model.
  private init(of model: GGUFModel, _ variables: [TemplateVariable]) throws {
    guard let text = try model.metadata.string("tokenizer.chat_template") else {
      throw Failure(
        .badData,
        """
        the model '\(model.path)' has no chat template ("tokenizer.chat_template" in the file); give \
        plain text with --context and no --chat
        """)
    }
    try self.init(
      text, specialTokens: GGUFVocabulary(of: model).specialTokens, path: model.path, variables)
  }

  /// Reads `tokenizer.chat_template` of a GGUF file, or of a model directory `chat_template.jinja`, else
  /// `chat_template` of `tokenizer_config.json` or of `chat_template.json`, which older multimodal models
  /// have: a text, or a list of named ones, of which `default` is taken.
  ///
  /// - Parameters:
  ///   - source: located.
  ///   - variables: what a user gives it besides.
  /// - Throws: `Failure` with 65 if there is none, with 64 for a variable that is one of the special
  ///   tokens; `ChatTemplateError`, `JSONError`, `FileError`.
  package init(of source: ModelSource, _ variables: [TemplateVariable] = []) throws {
    guard case .stored(let model) = source else {
      throw Failure(
        .badData,
        """
        the built-in models have no chat template; give plain text with --context and no --chat, or a \
        --model that has one
        """
      )
    }
    if let file = try StoredModels.gguf(at: model) {
      try self.init(of: file, variables)
    } else {
      try self.init(ofDirectory: model, variables)
    }
  }

  /// - Throws: as `init(of:_:)`.
  private init(ofDirectory model: String, _ variables: [TemplateVariable]) throws {
    let configuration = try Self.document("tokenizer_config.json", in: model)
    let path = "\(model)/chat_template.jinja"
    if FilePath(text: path).exists {
      // It would be a template that says itself.
      try GitLFSPointer.check(path: path)
      template = try ChatTemplate(FileReader.mappedText(of: path, as: "chat template"), name: path)
    } else if let configuration, let source = try Self.source(in: configuration) {
      template = try ChatTemplate(source, name: configuration.path)
    } else if let document = try Self.document("chat_template.json", in: model),
      let source = try Self.source(in: document)
    {
      template = try ChatTemplate(source, name: document.path)
    } else {
      throw Failure(
        .badData,
        """
        the model '\(model)' has no chat template, neither chat_template.jinja nor \
        "chat_template" in tokenizer_config.json; give plain text with --context and no --chat, or add \
        one of them
        """)
    }
    var specialTokens: [String: String] = [:]
    // What stands in the first document wins.
    for document in [configuration, try Self.document("special_tokens_map.json", in: model)] {
      specialTokens.merge(document.map(Self.specialTokens) ?? [:]) { first, _ in first }
    }
    self.specialTokens = specialTokens
    self.variables = try Self.members(variables, specialTokens, model: model)
  }

  /// The variables that a user gives, of which none may be a special token of `model`.
  private static func members(
    _ variables: [TemplateVariable], _ specialTokens: [String: String], model: String
  ) throws -> [ChatValue.Member] {
    if let taken = variables.first(where: { specialTokens[$0.name] != nil }) {
      throw Failure(
        .usage,
        "--template-variable '\(taken.name)' is a special token of the model '\(model)'; leave it out"
      )
    }
    return try variables.map { try $0.member() }
  }

  /// The text of a conversation, up to where the assistant's answer begins.
  ///
  /// - Parameter system: the system's message; nil for none.
  /// - Throws: `ChatTemplateError`.
  func render(system: String?, user: String, now: Date) throws(ChatTemplateError) -> String {
    var messages: [ChatMessage] = []
    if let system { messages.append(ChatMessage(.system, system)) }
    messages.append(ChatMessage(.user, user))
    return try render(messages, now: now)
  }

  /// The same of any messages.
  ///
  /// - Throws: `ChatTemplateError`.
  func render(_ messages: [ChatMessage], now: Date) throws(ChatTemplateError) -> String {
    try template.render(
      messages: messages, addGenerationPrompt: true, variables: specialTokens, others: variables,
      now: now)
  }

  private static func document(_ name: String, in directory: String) throws -> JSONDocument? {
    let path = "\(directory)/\(name)"
    guard FilePath(text: path).exists else { return nil }
    return try JSONDocument(path: path)
  }

  /// `chat_template`, if it is there.
  private static func source(in configuration: JSONDocument) throws -> String? {
    guard case .array(let choices)? = configuration.value("chat_template") else {
      return try configuration.stringIfPresent("chat_template")
    }
    var names: [String] = []
    for case .object(let choice) in choices {
      guard case .string(let name)? = choice["name"], case .string(let source)? = choice["template"]
      else { continue }
      if name == "default" { return source }
      names.append(name)
    }
    throw Failure(
      .badData,
      """
      \(configuration.path): "chat_template" has no template called "default" (it has: \
      \(names.isEmpty ? "none" : names.joined(separator: ", "))); put the one to use into \
      chat_template.jinja
      """)
  }

  /// `bos_token` and whatever else is called so, each a text or an object with its `content`, and
  /// the further ones of `extra_special_tokens`.
  private static func specialTokens(of document: JSONDocument) -> [String: String] {
    var tokens: [String: String] = [:]
    var members = document.object.members.filter { $0.key.hasSuffix("_token") }
    if case .object(let extra)? = document.value("extra_special_tokens") {
      members += extra.members
    }
    for member in members {
      switch member.value {
      case .string(let text): tokens[member.key] = text
      case .object(let token):
        if case .string(let text)? = token["content"] { tokens[member.key] = text }
      default: break
      }
    }
    return tokens
  }
}
