/// Takes the values of options that may be given thousands of times out of the arguments of `generate`:
/// the argument parser takes time in proportion to the square of their number.
struct ListArguments {
  /// Of `--stop`, in their order.
  private(set) var stopTexts: [String] = []
  /// What is left for the argument parser, whatever is wrong included.
  private(set) var rest: [String] = []

  /// - Parameter arguments: without the program's name.
  init(_ arguments: [String]) {
    // Without a command's name, `generate` is meant.
    guard let first = arguments.first, first.hasPrefix("-") || first == "generate" else {
      rest = arguments
      return
    }
    let stop = "--" + GenerateOption.stop.rawValue
    var remaining = arguments[...]
    while let argument = remaining.popFirst() {
      let value = argument.hasPrefix(stop + "=") ? String(argument.dropFirst(stop.count + 1)) : nil
      if argument == stop, let text = remaining.first, !text.isEmpty {
        stopTexts.append(text)
        remaining.removeFirst()
      } else if let value, !value.isEmpty {
        stopTexts.append(value)
      } else if argument == "--" {
        rest.append(argument)
        rest += remaining
        return
      } else {
        rest.append(argument)
        // A value may look like an option.
        if Self.takesValue(argument), let value = remaining.popFirst() { rest.append(value) }
      }
    }
  }

  private static func takesValue(_ argument: String) -> Bool {
    guard argument.hasPrefix("--") else { return false }
    let name = String(argument.dropFirst(2))
    return name == "config" || GenerateOption(rawValue: name).map { $0.kind != .flag } ?? false
  }
}
