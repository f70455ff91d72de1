import Foundation

/// Renders one template once.
final class Interpreter {
  /// Where it stands, for an error.
  var line = 1
  /// What the block at hand has written.
  var output: [UInt8] = []
  /// What a `filter` block, or a `set` block with a filter, has rendered.
  var blockText = Text.empty
  let now: Date
  private let textLimit: Int
  private var stepsLeft: Int
  private var depth = 0
  var depthOfRepresentation = 0
  private var namespaces: [NamespaceValue] = []
  private var macroScopes: [Scope] = []

  init(inputBytes: Int, now: Date) {
    self.now = now
    textLimit = Limits.textBytes + 2 * inputBytes
    stepsLeft = Limits.steps + inputBytes
  }

  func render(
    _ body: [Statement], variables: [ChatValue.Member]
  ) throws(Problem) -> String {
    let scope = Scope(parent: nil)
    for variable in variables { scope.variables[variable.key] = try value(of: variable.value) }
    _ = try execute(body, scope)
    return String(decoding: output, as: UTF8.self)
  }

  // MARK: - Limits

  /// Takes one step, and one more for each 32 of `bytes`.
  func step(bytes: Int = 0) throws(Problem) {
    stepsLeft -= 1 + bytes >> 5
    guard stepsLeft >= 0 else {
      throw Problem(.limit, "the template takes more than \(Limits.steps) steps")
    }
  }

  /// Takes a step for each of so many elements.
  func step(elements: Int) throws(Problem) {
    guard elements <= Limits.elements else {
      throw Problem(.limit, "a collection has more than \(Limits.elements) elements")
    }
    stepsLeft -= elements
    try step()
  }

  /// Makes sure that a text of so many bytes may be made, and takes the steps for it.
  func allow(bytes: Int) throws(Problem) {
    guard bytes <= textLimit else {
      throw Problem(.limit, "a text becomes longer than \(textLimit) bytes")
    }
    try step(bytes: bytes)
  }

  /// Makes sure that `text * count` may be made.
  func allow(bytes: Int, times count: Int) throws(Problem) {
    let (product, overflowed) = bytes.multipliedReportingOverflow(by: count)
    try allow(bytes: overflowed ? .max : product)
  }

  /// Runs `body` one level deeper.
  func nested<Result>(_ body: () throws(Problem) -> Result) throws(Problem) -> Result {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Limits.evaluationDepth else {
      throw Problem(
        .limit, "macros and blocks are nested deeper than \(Limits.evaluationDepth) levels")
    }
    return try body()
  }

  // MARK: - What may hold itself

  func makeNamespace() throws(Problem) -> NamespaceValue {
    guard namespaces.count < Limits.closures else {
      throw Problem(.limit, "the template makes more than \(Limits.closures) namespaces")
    }
    let namespace = NamespaceValue()
    namespaces.append(namespace)
    return namespace
  }

  func makeMacro(_ definition: MacroDefinition, in scope: Scope) throws(Problem) -> MacroValue {
    guard macroScopes.count < Limits.closures else {
      throw Problem(.limit, "the template makes more than \(Limits.closures) macros")
    }
    macroScopes.append(scope)
    return MacroValue(definition, in: scope)
  }

  /// Empties namespaces and scopes one by one: they may hold themselves, or stand in a chain too
  /// long to be freed at once.
  func releaseCycles() {
    for namespace in namespaces { namespace.values = [:] }
    for scope in macroScopes { scope.variables = [:] }
  }

  // MARK: - Output

  func write(_ text: Text) throws(Problem) {
    try allow(total: output.count, adding: text.bytes.count)
    output += text.bytes
  }

  /// Makes sure that a text of `total` bytes may grow, and takes the steps for what is added.
  func allow(total: Int, adding count: Int = 0) throws(Problem) {
    guard total <= textLimit - count else {
      throw Problem(.limit, "a text becomes longer than \(textLimit) bytes")
    }
    try step(bytes: count)
  }

  /// What `body` writes, apart from the rest.
  func captured(_ body: () throws(Problem) -> Void) throws(Problem) -> Text {
    let outer = output
    output = []
    defer { output = outer }
    try body()
    return Text(output)
  }

  private func value(of input: ChatValue) throws(Problem) -> Value {
    switch input {
    case .null: return .none
    case .boolean(let value): return .boolean(value)
    case .integer(let value): return .integer(value)
    case .number(let value): return .float(value)
    case .string(let string): return .string(string)
    case .array(let elements):
      var items: [Value] = []
      for element in elements {
        items.append(try nested { () throws(Problem) -> Value in try self.value(of: element) })
      }
      return .sequence(try SequenceValue(.list, items))
    case .object(let members):
      var entries: [(key: Value, value: Value)] = []
      for member in members {
        let value = try nested { () throws(Problem) -> Value in try self.value(of: member.value) }
        entries.append((.string(member.key), value))
      }
      return .dictionary(try DictionaryValue(entries))
    }
  }
}
