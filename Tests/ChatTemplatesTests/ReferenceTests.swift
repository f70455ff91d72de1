import ChatTemplates
import Foundation
import Testing

/// Renderings equal those of PyPI's jinja2, set up as Transformers does, to the character.
@Suite struct ReferenceTests {
  private struct Constructs: Decodable {
    struct Case: Decodable {
      let template: String
      let expectation: Expectation

      private enum Key: String, CodingKey { case template }

      init(from decoder: any Decoder) throws {
        template = try decoder.container(keyedBy: Key.self).decode(String.self, forKey: .template)
        expectation = try Expectation(from: decoder)
      }
    }

    let variables: FixtureValue
    let cases: [Case]
  }

  @Test func constructs() throws {
    let fixture: Constructs = try fixture("constructs.json")
    #expect(fixture.cases.count > 400)
    for item in fixture.cases {
      let difference = item.expectation.difference { () throws(ChatTemplateError) in
        try ChatTemplate(item.template, name: "test")
          .render(variables: fixture.variables.members, now: fixtureTime)
      }
      #expect(difference == nil, "\(item.template)")
    }
  }

  private struct Families: Decodable {
    struct Case: Decodable {
      let family: String
      let conversation: String
      let setting: String
      let addsPrompt: Bool
      let expectation: Expectation

      private enum Key: String, CodingKey { case family, conversation, setting, addsPrompt }

      init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        family = try object.decode(String.self, forKey: .family)
        conversation = try object.decode(String.self, forKey: .conversation)
        setting = try object.decode(String.self, forKey: .setting)
        addsPrompt = try object.decode(Bool.self, forKey: .addsPrompt)
        expectation = try Expectation(from: decoder)
      }
    }

    let conversations: [String: FixtureValue]
    let settings: [String: FixtureValue]
    let cases: [Case]
  }

  @Test func families() throws {
    let fixture: Families = try fixture("families.json")
    var templates: [String: ChatTemplate] = [:]
    for item in fixture.cases {
      let url = fixtureURL("families/\(item.family).jinja")
      let template =
        try templates[item.family]
        ?? ChatTemplate(String(contentsOf: url, encoding: .utf8), name: item.family)
      templates[item.family] = template
      let conversation = try #require(fixture.conversations[item.conversation])
      let setting = try #require(fixture.settings[item.setting])
      let variables =
        setting.members + [
          .init("messages", conversation.value),
          .init("add_generation_prompt", .boolean(item.addsPrompt)),
        ]
      let difference = item.expectation.difference { () throws(ChatTemplateError) in
        try template.render(variables: variables, now: fixtureTime)
      }
      #expect(
        difference == nil,
        "\(item.family), \(item.conversation), \(item.setting), \(item.addsPrompt)")
    }
    #expect(templates.count >= 16)
  }

  /// The variables that a conversation is rendered with, and those of the special tokens.
  @Test func conversation() throws {
    let template = try ChatTemplate(
      """
      {{ bos_token }}{{ messages | tojson }}{{ tools is none }}{{ documents is none }}\
      {{ add_generation_prompt }}{{ eos_token is defined }}
      """, name: "test")
    let text = try template.render(
      messages: [ChatMessage(.system, "s"), ChatMessage(.user, "\"u\"")], addGenerationPrompt: true,
      variables: ["bos_token": "<s>"])
    #expect(
      text == """
        <s>[{"role": "system", "content": "s"}, {"role": "user", "content": "\\"u\\""}]\
        TrueTrueTrueFalse
        """)
  }
}
