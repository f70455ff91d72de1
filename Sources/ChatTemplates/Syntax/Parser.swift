/// Builds the syntax tree from tokens, by Jinja's grammar.
struct Parser {
  private let tokens: [Token]
  private var position = 0
  private var depth = 0
  /// Filters and tests that nothing is known of are an error here, or only where they are used:
  /// inside of `if`, where a template may ask first whether they exist.
  var isConditional = false
  /// Loops around the statement at hand that `break` can end.
  var loops = 0
  /// Names that were used since the last macro began, to know its special parameters.
  var namesUsed: Set<String> = []

  init(_ tokens: [Token]) { self.tokens = tokens }

  /// Where the parser stands, for an error.
  var line: Int { tokens[min(position, tokens.count - 1)].line }

  // MARK: - Tokens

  var current: Token { tokens[min(position, tokens.count - 1)] }

  var next: Token { tokens[min(position + 1, tokens.count - 1)] }

  @discardableResult
  mutating func take() -> Token {
    defer { position += 1 }
    return current
  }

  func isAt(_ symbol: Token.Symbol) -> Bool { current.kind == .symbol(symbol) }

  func isAt(word: String) -> Bool { current.kind == .name(word) }

  mutating func skip(_ symbol: Token.Symbol) -> Bool {
    guard isAt(symbol) else { return false }
    position += 1
    return true
  }

  mutating func skip(word: String) -> Bool {
    guard isAt(word: word) else { return false }
    position += 1
    return true
  }

  mutating func expect(_ kind: Token.Kind) throws(Problem) {
    guard current.kind == kind else {
      throw unexpected("expected \(Token(kind: kind, line: 0).summary)")
    }
    position += 1
  }

  mutating func expectName() throws(Problem) -> String {
    guard case .name(let name) = current.kind else { throw unexpected("expected a name") }
    position += 1
    return name
  }

  func unexpected(_ expectation: String) -> Problem {
    Problem(.malformed, "unexpected \(current.summary), \(expectation)")
  }

  // MARK: - Depth

  /// Runs `body` one level deeper.
  mutating func nested<Result>(
    _ body: (inout Parser) throws(Problem) -> Result
  ) throws(Problem) -> Result {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Limits.syntaxDepth else { throw Self.tooDeep }
    return try body(&self)
  }

  /// A node over others.
  func node(
    _ kind: Expression.Kind, line: Int, over children: [Expression] = []
  ) throws(Problem) -> Expression {
    let depth = 1 + (children.lazy.map(\.depth).max() ?? 0)
    guard depth <= Limits.syntaxDepth else { throw Self.tooDeep }
    return Expression(kind, line: line, depth: depth)
  }

  private static let tooDeep = Problem(
    .limit, "blocks or expressions are nested deeper than \(Limits.syntaxDepth)")

  // MARK: - The template

  mutating func template() throws(Problem) -> [Statement] {
    let body = try statements(until: [], of: "the template")
    guard current.kind == .end else { throw unexpected("expected text or a tag") }
    return body
  }

  /// The statements up to a tag that begins with one of `ends`, whose name then is at hand.
  mutating func statements(until ends: [String], of block: String) throws(Problem) -> [Statement] {
    try nested { (parser) throws(Problem) in
      var body: [Statement] = []
      while true {
        let token = parser.current
        switch token.kind {
        case .data(let text):
          parser.take()
          body.append(Statement(kind: .data(text), line: token.line))
        case .variableBegin:
          parser.take()
          let value = try parser.tupleOrExpression()
          try parser.expect(.variableEnd)
          body.append(Statement(kind: .output(value), line: token.line))
        case .blockBegin:
          parser.take()
          if case .name(let name) = parser.current.kind, ends.contains(name) { return body }
          body.append(contentsOf: try parser.statement())
          try parser.expect(.blockEnd)
        default:
          guard !ends.isEmpty else { return body }
          throw Problem(
            .malformed, "the template ends before '\(ends[ends.count - 1])' closes \(block)")
        }
      }
    }
  }

  /// The rest of a tag and what follows it, up to a tag that begins with one of `ends`.
  mutating func body(until ends: [String], of block: String) throws(Problem) -> [Statement] {
    _ = skip(.colon)
    try expect(.blockEnd)
    return try statements(until: ends, of: block)
  }
}
