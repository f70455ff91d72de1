/// `'{}'.format(value)`.
extension Interpreter {
  func braceFormatted(_ format: Text, _ arguments: Arguments) throws(Problem) -> Text {
    var pieces: [Text] = []
    var literal: [UInt8] = []
    var next: Int? = 0
    var rest = format.bytes[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "{") || byte == UInt8(ascii: "}") else {
        literal.append(byte)
        continue
      }
      if rest.first == byte {
        rest.removeFirst()
        literal.append(byte)
        continue
      }
      guard byte == UInt8(ascii: "{"), let end = rest.firstIndex(of: UInt8(ascii: "}")) else {
        throw Problem(.failed, "a brace in a format stands alone; double it")
      }
      pieces.append(Text(literal))
      literal = []
      let field = Text(rest[..<end])
      rest = rest[(end + 1)...]
      pieces.append(try replacement(of: field, arguments, &next))
      try step(bytes: pieces[pieces.count - 1].bytes.count)
    }
    pieces.append(Text(literal))
    return try joined(pieces, separator: .empty)
  }

  /// - Parameter next: the number of the next field without one; nil once a field has one.
  private func replacement(
    of field: Text, _ arguments: Arguments, _ next: inout Int?
  ) throws(Problem) -> Text {
    guard field.find("{") == nil else {
      throw Problem(.unsupported, "fields inside of a field's format are not supported")
    }
    let parts = field.split(by: ":", limit: 1)
    let conversion = parts[0].split(by: "!", limit: 1)
    var value = try self.value(named: conversion[0].string, arguments, &next)
    if conversion.count > 1 {
      switch conversion[1].string {
      case "s": value = .text(try text(of: value))
      case "r": value = .text(try representation(of: value))
      default:
        throw Problem(.unsupported, "the conversion '!\(conversion[1].string)' is not supported")
      }
    }
    let format = parts.count > 1 ? parts[1] : .empty
    guard !format.isEmpty else { return try text(of: value) }
    return try formatted(value, format)
  }

  private func value(
    named name: String, _ arguments: Arguments, _ next: inout Int?
  ) throws(Problem) -> Value {
    guard !name.contains("."), !name.contains("[") else {
      throw Problem(.unsupported, "attributes and elements in a field's name are not supported")
    }
    var index = Int(name)
    if name.isEmpty {
      guard let number = next else {
        throw Problem(.failed, "fields with and without numbers do not go together")
      }
      index = number
      next = number + 1
    } else if index != nil {
      guard next == 0 || next == nil else {
        throw Problem(.failed, "fields with and without numbers do not go together")
      }
      next = nil
    }
    if let index {
      guard arguments.positional.indices.contains(index) else {
        throw Problem(.failed, "'format' is given no argument number \(index)")
      }
      return arguments.positional[index]
    }
    guard let keyword = arguments.keywords.first(where: { $0.name == name }) else {
      throw Problem(.failed, "'format' is given no argument '\(name)'")
    }
    return keyword.value
  }

  private func formatted(_ value: Value, _ format: Text) throws(Problem) -> Text {
    let specification = try FormatSpecification(format)
    switch value {
    case .text(let text):
      guard specification.type == nil || specification.type == "s",
        specification.alignment != .afterSign || specification.fill == "0",
        specification.sign.isEmpty, specification.grouping.isEmpty
      else { throw FormatSpecification.invalid(format) }
      let cut = specification.precision.map { text.slice(0..<$0) } ?? text
      var plain = specification
      // A zero before the width fills a string on its right.
      if plain.alignment == .afterSign { plain.alignment = .left }
      return try padded(sign: "", cut, plain, standard: .left)
    case .integer, .boolean:
      let number = value.wholeNumber ?? 0
      let type = specification.type ?? "d"
      if "dboxX".contains(type) {
        guard specification.precision == nil else { throw FormatSpecification.invalid(format) }
        return try formatted(number, specification, type)
      }
      guard "eEfFgG%".contains(type) else { throw FormatSpecification.invalid(format) }
      return try formatted(Double(number), specification, type)
    case .float(let number):
      guard let type = specification.type else {
        guard specification.precision == nil else {
          throw Problem(.unsupported, "a precision without a type is not supported")
        }
        let digits = Text(NumberText.representation(of: number.magnitude))
        return try padded(
          sign: number.sign == .minus ? "-" : specification.sign, digits, specification,
          standard: .right)
      }
      guard "eEfFgG%".contains(type), !specification.isAlternate else {
        throw FormatSpecification.invalid(format)
      }
      return try formatted(number, specification, type)
    case .undefined(let undefined): throw Problem(.failed, undefined.sentence)
    default:
      throw Problem(
        .failed, "a value of type \(value.typeName) has no format '\(format.string)'")
    }
  }
}
