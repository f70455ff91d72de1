/// What Python's `str()` and `repr()` give.
extension Interpreter {
  /// What is written for a value.
  func text(of value: Value) throws(Problem) -> Text {
    switch value {
    case .text(let text): return text
    case .undefined: return .empty
    default:
      var bytes: [UInt8] = []
      try represent(value, &bytes)
      return Text(bytes)
    }
  }

  func representation(of value: Value) throws(Problem) -> Text {
    var bytes: [UInt8] = []
    try represent(value, &bytes)
    return Text(bytes)
  }

  private func represent(_ value: Value, _ output: inout [UInt8]) throws(Problem) {
    try allow(total: output.count)
    depthOfRepresentation += 1
    defer { depthOfRepresentation -= 1 }
    guard depthOfRepresentation <= 2 * Limits.valueDepth else {
      throw Problem(.limit, "a value holds itself")
    }
    switch value {
    case .undefined: output += Array("Undefined".utf8)
    case .none: output += Array("None".utf8)
    case .boolean(let value): output += Array((value ? "True" : "False").utf8)
    case .integer(let value): output += Array("\(value)".utf8)
    case .float(let value): output += Array(NumberText.representation(of: value).utf8)
    case .text(let text):
      try allow(total: output.count, adding: 4 * text.bytes.count)
      PythonQuoting.quote(text, &output)
    case .sequence(let sequence): try represent(sequence, &output)
    case .dictionary(let dictionary): try represent(dictionary.pairs, &output)
    case .namespace(let namespace):
      output += Array("<Namespace ".utf8)
      try represent(
        namespace.names.map { (key: .string($0), value: namespace.values[$0] ?? .none) }, &output)
      output.append(UInt8(ascii: ">"))
    case .macro(let macro):
      output += Array("<Macro '\(macro.definition.name)'>".utf8)
    case .loop(let loop):
      output += Array("<LoopContext \(loop.index + 1)/\(loop.items.count)>".utf8)
    case .generator, .function, .method:
      throw Problem(
        .unsupported,
        "writing a value of type \(value.typeName) is not supported; use 'list' or call it")
    }
  }

  private func represent(
    _ sequence: SequenceValue, _ output: inout [UInt8]
  ) throws(Problem) {
    var (opening, closing) = ("[", "]")
    switch sequence.kind {
    case .list: break
    case .tuple, .group: (opening, closing) = ("(", sequence.items.count == 1 ? ",)" : ")")
    case .keys, .values, .items: (opening, closing) = (sequence.typeName + "([", "])")
    case .range(let start, let stop, let step):
      let text = step == 1 ? "range(\(start), \(stop))" : "range(\(start), \(stop), \(step))"
      output += Array(text.utf8)
      return
    }
    output += Array(opening.utf8)
    for (index, item) in sequence.items.enumerated() {
      if index > 0 { output += Array(", ".utf8) }
      try represent(item, &output)
    }
    output += Array(closing.utf8)
  }

  private func represent(
    _ pairs: [(key: Value, value: Value)], _ output: inout [UInt8]
  ) throws(Problem) {
    output.append(UInt8(ascii: "{"))
    for (index, pair) in pairs.enumerated() {
      if index > 0 { output += Array(", ".utf8) }
      try represent(pair.key, &output)
      output += Array(": ".utf8)
      try represent(pair.value, &output)
    }
    output.append(UInt8(ascii: "}"))
  }
}
