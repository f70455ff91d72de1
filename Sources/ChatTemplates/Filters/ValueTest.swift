/// The tests that follow `is`, by their names in templates.
enum ValueTest: String, Sendable {
  case boolean, callable, defined, divisibleby, eq, equalto, escaped, even, `false`, filter, float
  case ge, greaterthan, gt, `in`, integer, iterable, le, lessthan, lower, lt, mapping, ne, none
  case number, odd, sameas, sequence, string, test, `true`, undefined, upper
  case equalSymbol = "=="
  case notEqualSymbol = "!="
  case lessSymbol = "<"
  case lessOrEqualSymbol = "<="
  case greaterSymbol = ">"
  case greaterOrEqualSymbol = ">="

  /// The comparison that the test is, if it is one.
  var comparison: ComparisonOperator? {
    switch self {
    case .eq, .equalto, .equalSymbol: .equal
    case .ne, .notEqualSymbol: .notEqual
    case .lt, .lessthan, .lessSymbol: .less
    case .le, .lessOrEqualSymbol: .lessOrEqual
    case .gt, .greaterthan, .greaterSymbol: .greater
    case .ge, .greaterOrEqualSymbol: .greaterOrEqual
    case .in: .contained
    default: nil
    }
  }
}

extension Interpreter {
  func passes(
    _ test: ValueTest, _ value: Value, _ arguments: Arguments
  ) throws(Problem) -> Bool {
    if test.comparison != nil || test == .divisibleby || test == .sameas {
      let bound = try arguments.bound(to: ["other"], required: 1, of: test.rawValue)
      let other = bound[0] ?? .none
      if let comparison = test.comparison { return try compare(value, comparison, other) }
      if test == .sameas { return try isSame(value, other) }
      return try isEqual(try calculate(.modulo, value, other), .integer(0))
    }
    try arguments.expectNone(of: test.rawValue)
    switch test {
    case .even: return try isEqual(try calculate(.modulo, value, .integer(2)), .integer(0))
    case .odd: return try isEqual(try calculate(.modulo, value, .integer(2)), .integer(1))
    case .lower: return try text(of: value).isLowercase
    case .upper: return try text(of: value).isUppercase
    case .filter: return try text(of: value).isFilterName
    case .test: return ValueTest(rawValue: try text(of: value).string) != nil
    case .escaped: return false
    default: return Self.has(value, type: test)
    }
  }

  private static func has(_ value: Value, type: ValueTest) -> Bool {
    switch (type, value) {
    case (.defined, _): !value.isUndefined
    case (.undefined, _): value.isUndefined
    case (.none, .none), (.boolean, .boolean), (.true, .boolean(true)), (.false, .boolean(false)),
      (.integer, .integer), (.float, .float), (.string, .text), (.mapping, .dictionary),
      (.number, .integer), (.number, .float), (.number, .boolean):
      true
    case (.callable, .macro), (.callable, .function), (.callable, .method), (.callable, .loop),
      (.callable, .undefined):
      true
    case (.iterable, .text), (.iterable, .sequence), (.iterable, .dictionary),
      (.iterable, .generator), (.iterable, .loop), (.iterable, .undefined):
      true
    case (.sequence, .text), (.sequence, .dictionary), (.sequence, .undefined): true
    case (.sequence, .sequence(let sequence)): !sequence.isView
    default: false
    }
  }

  /// Python's `is`; equal numbers and strings of one type count as one.
  private func isSame(_ left: Value, _ right: Value) throws(Problem) -> Bool {
    switch (left, right) {
    case (.sequence(let left), .sequence(let right)): left === right
    case (.dictionary(let left), .dictionary(let right)): left === right
    case (.undefined(let left), .undefined(let right)): left === right
    default: left.typeName == right.typeName ? try isEqual(left, right) : false
    }
  }
}

extension Text {
  fileprivate var isFilterName: Bool { Filter(rawValue: string) != nil }
}
