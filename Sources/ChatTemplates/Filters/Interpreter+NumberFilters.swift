import Foundation

/// Filters that give numbers.
extension Interpreter {
  func applyToNumber(
    _ filter: Filter, _ value: Value, _ arguments: Arguments
  ) throws(Problem) -> Value {
    switch filter {
    case .abs:
      try arguments.expectNone(of: "abs")
      if let number = value.wholeNumber {
        return number < 0 ? try negated(value) : .integer(number)
      }
      if case .float(let number) = value { return .float(number.magnitude) }
      throw Problem(.failed, "'abs' expects a number, not a value of type \(value.typeName)")
    case .float:
      let bound = try arguments.bound(to: ["default"], of: "float")
      let number = try float(value)
      return number.map { .float($0) } ?? bound[0] ?? .float(0)
    case .int:
      let bound = try arguments.bound(to: ["default", "base"], of: "int")
      let base = try bound.wholeNumber(1) ?? 10
      return try integer(value, base: base).map { .integer($0) } ?? bound[0] ?? .integer(0)
    default: return try rounded(value, arguments)
    }
  }

  private func float(_ value: Value) throws(Problem) -> Double? {
    switch value {
    case .text(let text): return NumberText.float(text)
    case .undefined(let undefined): throw Problem(.failed, undefined.sentence)
    default: return value.number
    }
  }

  private func integer(_ value: Value, base: Int) throws(Problem) -> Int? {
    if let number = value.wholeNumber { return number }
    if case .text(let text) = value {
      try step(bytes: text.bytes.count)
      if let number = try NumberText.integer(text, base: base) { return number }
    }
    guard let number = try float(value), !number.isNaN else { return nil }
    guard number.isFinite else {
      if case .text = value { return nil }
      throw Problem(.failed, "infinity cannot be made a whole number")
    }
    guard let whole = Int(exactly: number.rounded(.towardZero)) else {
      throw Problem(.limit, "a number has more than 64 bits")
    }
    return whole
  }

  private func rounded(_ value: Value, _ arguments: Arguments) throws(Problem) -> Value {
    let bound = try arguments.bound(to: ["precision", "method"], of: "round")
    let precision = try bound.wholeNumber(0) ?? 0
    let method = try bound.text(1)?.string ?? "common"
    guard ["common", "ceil", "floor"].contains(method) else {
      throw Problem(.failed, "the method of 'round' must be common, ceil or floor")
    }
    if case .undefined(let undefined) = value { throw Problem(.failed, undefined.sentence) }
    guard let number = value.number else {
      throw Problem(.failed, "'round' expects a number, not a value of type \(value.typeName)")
    }
    guard (0...300).contains(precision) else {
      throw Problem(.unsupported, "'round' to \(precision) digits is not supported")
    }
    if method == "common" {
      if let whole = value.wholeNumber { return .integer(whole) }
      guard number.isFinite else { return value }
      // C's printf rounds the exact value as Python does.
      let text = NumberText.formatted(number, as: "f", precision: precision)
      return .float(Double(text) ?? number)
    }
    let scale = pow(10, Double(precision))
    let scaled = number * scale
    guard scaled.isFinite else { throw Problem(.failed, "'round' meets a number out of range") }
    return .float((method == "ceil" ? scaled.rounded(.up) : scaled.rounded(.down)) / scale)
  }
}
