import Foundation

/// Arithmetic by Python's rules, with whole numbers of 64 bits.
extension Interpreter {
  func calculate(
    _ operation: ArithmeticOperator, _ left: Value, _ right: Value
  ) throws(Problem) -> Value {
    for case .undefined(let undefined) in [left, right] {
      // What stands right of a format is formatted first, and an undefined value is formatted too.
      if operation == .modulo, case .text(let format) = left {
        return .text(try percentFormatted(format, right))
      }
      throw Problem(.failed, undefined.sentence)
    }
    if let left = left.wholeNumber, let right = right.wholeNumber {
      return try calculate(operation, left, right)
    }
    if let left = left.number, let right = right.number {
      return .float(try calculate(operation, left, right))
    }
    switch (operation, left, right) {
    case (.add, .text(let left), .text(let right)):
      try allow(bytes: left.bytes.count + right.bytes.count)
      return .text(left + right)
    case (.add, .sequence(let left), .sequence(let right))
    where left.kind == .list && right.kind == .list || left.isTuple && right.isTuple:
      try step(elements: left.items.count + right.items.count)
      return .sequence(
        try SequenceValue(left.isTuple ? .tuple : .list, left.items + right.items))
    case (.multiply, .text(let text), _):
      if let count = right.wholeNumber { return .text(try repeated(text, count)) }
    case (.multiply, _, .text(let text)):
      if let count = left.wholeNumber { return .text(try repeated(text, count)) }
    case (.multiply, .sequence(let sequence), _):
      if let count = right.wholeNumber { return try repeated(sequence, count) }
    case (.multiply, _, .sequence(let sequence)):
      if let count = left.wholeNumber { return try repeated(sequence, count) }
    case (.modulo, .text(let format), _): return .text(try percentFormatted(format, right))
    default: break
    }
    throw Problem(
      .failed,
      "'\(operation.rawValue)' does not go with values of types \(left.typeName) and "
        + right.typeName)
  }

  func repeated(_ text: Text, _ count: Int) throws(Problem) -> Text {
    guard count > 0, !text.isEmpty else { return .empty }
    try allow(bytes: text.bytes.count, times: count)
    if text.bytes.count == 1 { return Text([UInt8](repeating: text.bytes[0], count: count)) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.bytes.count * count)
    for _ in 0..<count { bytes += text.bytes }
    // A short text costs more a byte than a long one.
    try step(elements: min(count, Limits.elements))
    return Text(bytes)
  }

  private func repeated(_ sequence: SequenceValue, _ count: Int) throws(Problem) -> Value {
    guard sequence.kind == .list || sequence.isTuple else {
      throw Problem(.failed, "a value of type \(sequence.typeName) cannot be repeated")
    }
    let (total, overflowed) = sequence.items.count.multipliedReportingOverflow(by: max(count, 0))
    try step(elements: overflowed ? .max : total)
    var items: [Value] = []
    if total > 0 { for _ in 0..<count { items += sequence.items } }
    return .sequence(try SequenceValue(sequence.isTuple ? .tuple : .list, items))
  }

  private func calculate(
    _ operation: ArithmeticOperator, _ left: Int, _ right: Int
  ) throws(Problem) -> Value {
    switch operation {
    case .add: return .integer(try fitting(left.addingReportingOverflow(right)))
    case .subtract: return .integer(try fitting(left.subtractingReportingOverflow(right)))
    case .multiply: return .integer(try fitting(left.multipliedReportingOverflow(by: right)))
    case .divide:
      guard right != 0 else { throw Self.divisionByZero }
      return .float(Double(left) / Double(right))
    case .floorDivide:
      guard right != 0 else { throw Self.divisionByZero }
      let quotient = try fitting(left.dividedReportingOverflow(by: right))
      let isInexact = right != -1 && left % right != 0
      return .integer(isInexact && (left < 0) != (right < 0) ? quotient - 1 : quotient)
    case .modulo:
      guard right != 0 else { throw Self.divisionByZero }
      guard right != -1 else { return .integer(0) }
      let remainder = left % right
      return .integer(
        remainder != 0 && (remainder < 0) != (right < 0) ? remainder + right : remainder)
    case .power:
      guard right >= 0 else { return .float(try calculate(.power, Double(left), Double(right))) }
      return .integer(try power(left, right))
    }
  }

  private func power(_ base: Int, _ exponent: Int) throws(Problem) -> Int {
    if base == 0 || base == 1 { return exponent == 0 ? 1 : base }
    if base == -1 { return exponent % 2 == 0 ? 1 : -1 }
    var result = 1
    for _ in 0..<min(exponent, 65) {
      result = try fitting(result.multipliedReportingOverflow(by: base))
    }
    return result
  }

  private func fitting(
    _ result: (partialValue: Int, overflow: Bool)
  ) throws(Problem) -> Int {
    guard !result.overflow else { throw Problem(.limit, "a number has more than 64 bits") }
    return result.partialValue
  }

  private func calculate(
    _ operation: ArithmeticOperator, _ left: Double, _ right: Double
  ) throws(Problem) -> Double {
    switch operation {
    case .add: return left + right
    case .subtract: return left - right
    case .multiply: return left * right
    case .divide:
      guard right != 0 else { throw Self.divisionByZero }
      return left / right
    case .floorDivide, .modulo:
      guard right != 0 else { throw Self.divisionByZero }
      var remainder = fmod(left, right)
      var quotient = (left - remainder) / right
      if remainder == 0 {
        remainder = Double(signOf: right, magnitudeOf: 0)
      } else if (remainder < 0) != (right < 0) {
        remainder += right
        quotient -= 1
      }
      guard operation == .floorDivide else { return remainder }
      guard quotient != 0 else { return Double(signOf: left / right, magnitudeOf: 0) }
      let floor = quotient.rounded(.down)
      return quotient - floor > 0.5 ? floor + 1 : floor
    case .power:
      guard left != 0 || right >= 0 else { throw Self.divisionByZero }
      guard left >= 0 || right == right.rounded() || !left.isFinite else {
        throw Problem(.unsupported, "complex numbers are not supported")
      }
      let result = pow(left, right)
      guard result.isFinite || !left.isFinite || !right.isFinite else {
        throw Problem(.failed, "a power is too large for a number")
      }
      return result
    }
  }

  private static let divisionByZero = Problem(.failed, "a number is divided by zero")

  func negated(_ value: Value) throws(Problem) -> Value {
    if let number = value.wholeNumber {
      return .integer(try fitting(0.subtractingReportingOverflow(number)))
    }
    if case .float(let number) = value { return .float(-number) }
    return try unchanged(value)
  }

  /// What a plus sign gives.
  func unchanged(_ value: Value) throws(Problem) -> Value {
    if let number = value.wholeNumber { return .integer(number) }
    if case .float = value { return value }
    if case .undefined(let undefined) = value { throw Problem(.failed, undefined.sentence) }
    throw Problem(.failed, "a value of type \(value.typeName) has no sign")
  }
}
