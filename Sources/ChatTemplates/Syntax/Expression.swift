/// A node of a template's syntax that has a value.
final class Expression: Sendable {
  indirect enum Kind: Sendable {
    case constant(Constant)
    case name(String)
    case list([Expression])
    case tuple([Expression])
    case dictionary([(key: Expression, value: Expression)])
    case attribute(Expression, String)
    case item(Expression, Expression)
    case slice(Expression, start: Expression?, stop: Expression?, step: Expression?)
    case call(Expression, ArgumentList)
    case filter(Expression, Filter, ArgumentList)
    case test(Expression, ValueTest, ArgumentList)
    /// A filter or test that nothing is known of, in a place that may never be reached.
    case unknown(String)
    case not(Expression)
    case negative(Expression)
    case positive(Expression)
    case arithmetic(ArithmeticOperator, Expression, Expression)
    case concatenation([Expression])
    case comparison(Expression, [(ComparisonOperator, Expression)])
    case and(Expression, Expression)
    case or(Expression, Expression)
    case conditional(test: Expression, then: Expression, otherwise: Expression?)
    /// What a `filter` block or a `set` block with a filter has rendered.
    case blockText
  }

  enum Constant: Sendable {
    case none
    case boolean(Bool)
    case integer(Int)
    case float(Double)
    case text(Text)
  }

  let kind: Kind
  let line: Int
  /// Nodes on the longest way down, this one included.
  let depth: Int

  init(_ kind: Kind, line: Int, depth: Int) {
    self.kind = kind
    self.line = line
    self.depth = depth
  }
}

/// What stands in the parentheses of a call, a filter or a test.
struct ArgumentList: Sendable {
  var positional: [Expression] = []
  var keywords: [(name: String, value: Expression)] = []
  /// `*expression`
  var expanded: Expression?
  /// `**expression`
  var expandedKeywords: Expression?

  static let none = ArgumentList()

  var expressions: [Expression] {
    positional + keywords.map(\.value) + [expanded, expandedKeywords].compactMap { $0 }
  }
}

enum ArithmeticOperator: String, Sendable {
  case add = "+"
  case subtract = "-"
  case multiply = "*"
  case divide = "/"
  case floorDivide = "//"
  case modulo = "%"
  case power = "**"
}

enum ComparisonOperator: String, Sendable {
  case equal = "=="
  case notEqual = "!="
  case less = "<"
  case lessOrEqual = "<="
  case greater = ">"
  case greaterOrEqual = ">="
  case contained = "in"
  case notContained = "not in"
}
