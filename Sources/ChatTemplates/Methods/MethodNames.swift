/// Which attributes of Python's types are implemented here.
enum MethodNames {
  enum Standing {
    case supported
    /// Jinja's sandbox refuses it.
    case unsafe
    /// Python has it, and it is not implemented.
    case unsupported
    /// Python does not have it.
    case unknown
  }

  static func standing(of name: String, on value: Value) -> Standing {
    let sets: (supported: Set<String>, unsafe: Set<String>, unsupported: Set<String>)
    switch value {
    case .text: sets = (text, [], unsupportedOfText)
    case .dictionary: sets = (dictionary, changingDictionary, ["fromkeys"])
    case .sequence(let sequence) where sequence.kind == .list: sets = (list, changingList, [])
    case .sequence(let sequence) where sequence.isTuple: sets = (["count", "index"], [], [])
    case .sequence(let sequence) where sequence.isView: sets = ([], [], ["isdisjoint", "mapping"])
    case .sequence: sets = ([], [], ["count", "index", "start", "stop", "step"])
    case .integer, .boolean, .float: sets = ([], [], ofNumbers)
    case .generator: sets = ([], [], ["close", "send", "throw"])
    case .macro: sets = ([], [], ["arguments", "caller", "catch_kwargs", "catch_varargs"])
    default: sets = ([], [], [])
    }
    if sets.supported.contains(name) { return .supported }
    if sets.unsafe.contains(name) { return .unsafe }
    if sets.unsupported.contains(name) { return .unsupported }
    return name.hasPrefix("__") && name.hasSuffix("__") ? .unsafe : .unknown
  }

  private static let text: Set<String> = [
    "capitalize", "casefold", "center", "count", "endswith", "find", "format", "index", "isalnum",
    "isalpha", "isascii", "isdecimal", "isdigit", "islower", "isnumeric", "isspace", "istitle",
    "isupper", "join", "ljust", "lower", "lstrip", "partition", "removeprefix", "removesuffix",
    "replace", "rfind", "rindex", "rjust", "rpartition", "rsplit", "rstrip", "split",
    "splitlines", "startswith", "strip", "swapcase", "title", "upper", "zfill",
  ]
  private static let unsupportedOfText: Set<String> = [
    "encode", "expandtabs", "format_map", "isidentifier", "isprintable", "maketrans", "translate",
  ]
  private static let dictionary: Set<String> = ["copy", "get", "items", "keys", "values"]
  private static let changingDictionary: Set<String> = [
    "clear", "pop", "popitem", "setdefault", "update",
  ]
  private static let list: Set<String> = ["copy", "count", "index"]
  private static let changingList: Set<String> = [
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
  ]
  private static let ofNumbers: Set<String> = [
    "as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator", "from_bytes",
    "fromhex", "hex", "imag", "is_integer", "numerator", "real", "to_bytes",
  ]
}
