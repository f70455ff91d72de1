import ChatTemplates
import Foundation
import Testing

/// No template crashes the program, runs for ever or takes all memory.
@Suite(.serialized) struct LimitTests {
  private func kind(
    _ source: String, variables: [ChatValue.Member] = [],
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> ChatTemplateError.Kind? {
    let start = ContinuousClock.now
    defer {
      let seconds = ContinuousClock.now - start
      #expect(seconds < .seconds(20), "\(source.prefix(200))", sourceLocation: sourceLocation)
    }
    do throws(ChatTemplateError) {
      _ = try ChatTemplate(source, name: "test").render(variables: variables)
      return nil
    } catch {
      return error.kind
    }
  }

  private static let loop = "{% for i in range(100000) %}"

  @Test(arguments: [
    "\(loop)\(loop)\(loop){% endfor %}{% endfor %}{% endfor %}",
    "\(loop)\(loop)x{% endfor %}{% endfor %}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{% for i in [1] %}{% if true %}{{ m() }}{% endif %}{% endfor %}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{% call m() %}{% endcall %}{{ caller }}{% endmacro %}{{ m() }}",
    "{{ range(1000000000000) }}", "{{ range(100001) }}",
    "{{ range(-9223372036854775807, 9223372036854775807, 1) }}",
    "{{ 'a' * 1000000000000 }}", "{{ 'abc' * 9223372036854775807 }}", "{{ [1] * 1000000000000 }}",
    "{{ 2 ** 1000000000 }}", "{{ 9223372036854775807 + 1 }}", "{{ 9223372036854775807 * 2 }}",
    "{{ -9223372036854775807 - 2 }}", "{{ -(-9223372036854775807 - 1) }}",
    "{{ (-9223372036854775807 - 1) // -1 }}", "{{ (-9223372036854775807 - 1) | abs }}",
    "{{ '99999999999999999999' | int }}", "{{ 1e300 | int }}",
    "{{ 'a'.center(10 ** 15) }}", "{{ 'a'.zfill(10 ** 18) }}", "{{ 'a' | indent(10 ** 12) }}",
    "{{ '%1000000000000d' % 1 }}", "{{ '{:1000000000000}'.format(1) }}",
    "{{ '%*d' % (10 ** 12, 1) }}",
    "{{ 'aaaa'.replace('', 'b' * 20000000) }}", "{{ ('x' * 30000000).join(['a'] * 10) }}",
    "{{ [[1]] | tojson(indent=10 ** 10) }}", "{{ [1] | batch(10 ** 12, 0) | list }}",
    "{{ [1] | slice(10 ** 12) | list }}",
    "{% set ns = namespace(x='a') %}\(loop){% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}\(loop){% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}\(loop){% set ns.x = [ns.x] %}{% endfor %}",
    "{% set ns = namespace(x={}) %}\(loop){% set ns.x = {'a': ns.x} %}{% endfor %}",
    "{% set ns = namespace(x=1) %}\(loop){% set ns.x = [ns.x].count %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(90) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(90) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
    "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(90) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
    "{% set ns = namespace(x=(1,)) %}{% for i in range(90) %}{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ {ns.x: 1} }}",
    "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
    "{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns.x }}",
    "\(loop)\(loop){% set x = namespace() %}{% endfor %}{% endfor %}",
    "\(loop)\(loop){% macro m() %}{% endmacro %}{% endfor %}{% endfor %}",
    "{% for x in range(100000) | map('string') | map('center', 100000) %}{% endfor %}",
    "\(loop){{ ('x' * 1000) }}{% endfor %}",
  ])
  func endsWithALimit(source: String) {
    #expect(kind(source) == .limit, "\(source)")
  }

  /// Chains and rings of what a template can change are freed without recursion.
  @Test(arguments: [
    """
    {% set ns = namespace() %}{% set ns.last = ns %}{% for i in range(90000) %}\
    {% set new = namespace() %}{% set last = ns.last %}{% set last.next = new %}\
    {% set ns.last = new %}{% endfor %}
    """,
    """
    {% set ns = namespace() %}{% for i in range(90000) %}{% set before = ns.m %}\
    {% macro m() %}{{ before }}{% endmacro %}{% set ns.m = m %}{% endfor %}
    """,
    "{% set ns = namespace() %}{% for i in range(90000) %}{% set ns.x = namespace(y=ns.x) %}{% endfor %}",
  ])
  func longChains(source: String) { #expect(kind(source) == nil) }

  @Test(arguments: ["(", "[", "{1:", "-", "not ", "a(", "a[", "1 if ", "x.y(", "{{", "'a' + ("])
  func deepExpressions(piece: String) {
    for count in [1_000, 100_000] {
      let error = kind("{{ " + String(repeating: piece, count: count) + "1 }}")
      #expect([.limit, .malformed].contains(error), "\(piece)")
    }
    let closed = "{{ " + String(repeating: "(", count: 100_000) + "1"
    #expect(kind(closed + String(repeating: ")", count: 100_000) + " }}") == .limit)
  }

  /// Trees that grow without recursion of the parser.
  @Test(arguments: [
    " + 1", ".a", "[0]", "()", " | upper", " and 1", " or 1", " if 1",
  ])
  func longExpressions(piece: String) {
    #expect(kind("{{ a" + String(repeating: piece, count: 100_000) + " }}") == .limit, "\(piece)")
  }

  @Test(arguments: [
    ("{% if true %}", "{% endif %}"), ("{% for x in [1] %}", "{% endfor %}"),
    ("{% set x %}", "{% endset %}"), ("{% macro m() %}", "{% endmacro %}"),
    ("{% generation %}", "{% endgeneration %}"), ("{% filter upper %}", "{% endfilter %}"),
  ])
  func deepBlocks(start: String, end: String) {
    let many = String(repeating: start, count: 100_000) + String(repeating: end, count: 100_000)
    #expect(kind(many) == .limit)
    // What is allowed has room on the stack.
    let some = String(repeating: start, count: 100) + String(repeating: end, count: 100)
    #expect(kind(some) == nil)
  }

  @Test func deepValues() {
    var value = ChatValue.integer(1)
    for _ in 0..<50 { value = .array([value]) }
    let template = "{{ x }}{{ x | tojson }}{{ x == x }}{{ x < x }}"
    #expect(kind(template, variables: [.init("x", value)]) == nil)
    for _ in 0..<5000 { value = .array([value]) }
    #expect(kind(template, variables: [.init("x", value)]) == .limit)
  }

  /// Flat lists of any length are no nesting.
  @Test func longTemplates() {
    #expect(kind(String(repeating: "{{ 1 }}{% if true %}a{% endif %}\n", count: 20_000)) == nil)
    #expect(kind("{{ [" + String(repeating: "1, ", count: 20_000) + "] | length }}") == nil)
    #expect(kind("{{ 1" + String(repeating: " ~ 1", count: 20_000) + " }}") == nil)
    let branches = String(repeating: "{% elif false %}b", count: 20_000)
    #expect(kind("{% if false %}a\(branches){% endif %}") == nil)
  }

  /// A context of megabytes is rendered in time that grows with its length, and meets no limit.
  @Test func longContexts() throws {
    let families = ["llama3_tools", "qwen3", "gemma3", "mistral_small", "smollm3", "schema_macro"]
    let line = "  Ein Satz über „dieses“ und jenes, e\u{301}, 漢字 😀.\n"
    for name in families {
      let source = try String(contentsOf: fixtureURL("families/\(name).jinja"), encoding: .utf8)
      let template = try ChatTemplate(source, name: name)
      let context = String(repeating: line, count: 8 << 20 / line.utf8.count)
      let start = ContinuousClock.now
      let text = try template.render(
        messages: [ChatMessage(.system, "s"), ChatMessage(.user, context)],
        addGenerationPrompt: true)
      #expect(text.utf8.count > context.utf8.count / 2)
      #expect(ContinuousClock.now - start < .seconds(20), "\(name)")
    }
  }
}
