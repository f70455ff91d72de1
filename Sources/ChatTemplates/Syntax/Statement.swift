/// A node of a template's syntax that is executed.
struct Statement: Sendable {
  indirect enum Kind: Sendable {
    case data(Text)
    case output(Expression)
    case loop(ForLoop)
    case conditional([(test: Expression, body: [Statement])], otherwise: [Statement])
    case assignment(Target, Expression)
    /// `filter` has the block's text inside.
    case blockAssignment(Target, filter: Expression?, [Statement])
    case macro(MacroDefinition)
    case callBlock(function: Expression, ArgumentList, MacroDefinition)
    case filterBlock(Expression, [Statement])
    case with([(target: Target, value: Expression)], [Statement])
    case generation([Statement])
    case breakLoop
    case continueLoop
  }

  let kind: Kind
  let line: Int
}

/// What is assigned to.
indirect enum Target: Sendable {
  case name(String)
  case attribute(namespace: String, String)
  case tuple([Target])

  /// The variables that are assigned to.
  var names: [String] {
    switch self {
    case .name(let name): [name]
    case .attribute: []
    case .tuple(let targets): targets.flatMap(\.names)
    }
  }
}

/// `{% for target in iterable if condition %}body{% else %}otherwise{% endfor %}`
struct ForLoop: Sendable {
  let target: Target
  let iterable: Expression
  let condition: Expression?
  let body: [Statement]
  let otherwise: [Statement]
}

/// A macro, or the body of a `call` block.
final class MacroDefinition: Sendable {
  struct Parameter: Sendable {
    let name: String
    let defaultValue: Expression?
  }

  let name: String
  let parameters: [Parameter]
  let body: [Statement]
  /// Which of `caller`, `varargs` and `kwargs` the body mentions: without mention they are refused.
  let mentioned: Set<String>

  init(name: String, parameters: [Parameter], body: [Statement], mentioned: Set<String>) {
    self.name = name
    self.parameters = parameters
    self.body = body
    self.mentioned = mentioned
  }
}
