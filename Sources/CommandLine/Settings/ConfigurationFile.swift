import ArgumentParser
import Ranks
import Yams

/// Reads `--config FILE`: a YAML mapping from long option names to values.
///
/// Each value is handed to the argument parser as if it stood on the command line, so a value means
/// the same in both places and its range is declared once. Only types are checked here, because
/// text has none: `threads: "4"` and `prompt: 7` are mistakes in YAML.
package enum ConfigurationFile {
  /// - Throws: 66 if there is no such file, 74 if it cannot be read, and 65 with file, line and
  ///   column if its content is wrong.
  package static func options(path: String) throws(Failure) -> GenerateOptions {
    let yaml = try FileReader.text(of: path, as: "configuration file", limit: .settings)
    return try options(yaml: yaml, path: path == "-" ? "standard input" : path)
  }

  /// The options in `yaml`; `path` is for messages only.
  package static func options(yaml: String, path: String) throws(Failure) -> GenerateOptions {
    let root = try compose(yaml, path: path)
    var pairs: [(key: Node, value: Node)] = []
    if let root, root.tag != Tag(.null) {
      guard let mapping = root.mapping else {
        throw failure(path, root.mark, "expected lines of the form 'option: value'")
      }
      pairs = Array(mapping)
    }
    var arguments: [String] = []
    var stopTexts: [String] = []
    var options = try parse(arguments, path: path, mark: nil)
    for (key, value) in pairs {
      let option = try option(named: key, path: path)
      if option == .stop {
        // There may be thousands, too many for the argument parser.
        stopTexts = try texts(for: option, value, path: path)
        continue
      }
      arguments += try self.arguments(for: option, value, path: path)
      // All up to here again, so that what is wrong now is wrong with this key.
      options = try parse(arguments, path: path, mark: value.mark)
      if let excluded = options.exclusion { throw failure(path, key.mark, excluded.sentence) }
    }
    options.stop = stopTexts
    return options
  }

  private static func parse(
    _ arguments: [String], path: String, mark: Mark?
  ) throws(Failure) -> GenerateOptions {
    do {
      return try GenerateOptions.parse(arguments)
    } catch {
      throw failure(path, mark, CommandLineParser.sentence(GenerateOptions.message(for: error)))
    }
  }

  private static func option(named key: Node, path: String) throws(Failure) -> GenerateOption {
    guard let name = key.scalar?.string else {
      throw failure(path, key.mark, "expected the name of an option before the colon")
    }
    guard let option = GenerateOption(rawValue: name) else {
      let known = GenerateOption.allCases.map(\.rawValue)
      let suggestion = nearestName(to: name, among: known).map { ", did you mean '\($0)'?" }
      throw failure(
        path, key.mark,
        "unknown option '\(name)'\(suggestion ?? " (see 'ringflash generate --help')")")
    }
    return option
  }

  /// The command line's form of one key and value.
  private static func arguments(
    for option: GenerateOption, _ value: Node, path: String
  ) throws(Failure) -> [String] {
    let flag = "--" + option.rawValue
    func wrongType(_ expected: String, at node: Node) -> Failure {
      self.wrongType(option, expected, at: node, path: path)
    }
    switch option.kind {
    case .flag:
      guard let isGiven = value.scalar.flatMap(Bool.construct(from:)), value.tag == Tag(.bool)
      else { throw wrongType("true or false", at: value) }
      return isGiven ? [flag] : []
    case .integer:
      guard value.tag == Tag(.int) else { throw wrongType("a whole number", at: value) }
    case .number:
      guard value.tag == Tag(.int) || value.tag == Tag(.float) else {
        throw wrongType("a number", at: value)
      }
    case .text:
      guard isText(value) else { throw wrongType("a text; put it in quotes", at: value) }
    case .switchWord:
      guard isText(value) || value.tag == Tag(.bool) else {
        throw wrongType("a word", at: value)
      }
    case .texts:
      return try texts(for: option, value, path: path).flatMap { argument(flag, $0) }
    }
    return argument(flag, value.scalar?.string ?? "")
  }

  /// One text, or a list of at least one; none is empty.
  private static func texts(
    for option: GenerateOption, _ value: Node, path: String
  ) throws(Failure) -> [String] {
    let nodes = value.sequence.map { Array($0) } ?? [value]
    guard value.sequence != nil || isText(value) else {
      throw wrongType(option, "a text in quotes, or a list of texts", at: value, path: path)
    }
    guard !nodes.isEmpty else {
      throw wrongType(option, "at least one text", at: value, path: path)
    }
    return try nodes.map { node throws(Failure) in
      guard isText(node), let text = node.scalar?.string else {
        throw wrongType(option, "texts; quote each", at: node, path: path)
      }
      // The argument parser says what is wrong with it.
      if text.isEmpty {
        _ = try parse(argument("--" + option.rawValue, text), path: path, mark: node.mark)
      }
      return text
    }
  }

  private static func wrongType(
    _ option: GenerateOption, _ expected: String, at node: Node, path: String
  ) -> Failure {
    failure(path, node.mark, "'\(option.rawValue)' expects \(expected)")
  }

  /// A flag and its value, in one argument where the value could be taken for an option.
  private static func argument(_ flag: String, _ value: String) -> [String] {
    value.hasPrefix("-") ? ["\(flag)=\(value)"] : [flag, value]
  }

  private static func isText(_ node: Node) -> Bool {
    node.scalar != nil && ![Tag(.null), Tag(.bool), Tag(.int), Tag(.float)].contains(node.tag)
  }

  /// The document's root, or nil for an empty file.
  static func compose(_ yaml: String, path: String) throws(Failure) -> Node? {
    guard aliasCount(in: yaml) <= mostAliases else {
      throw failure(
        path, nil, "has more than \(mostAliases) aliases (*name); write out what they stand for")
    }
    do {
      return try Parser(yaml: yaml, encoding: .utf8).singleRoot()
    } catch let error as YamlError {
      switch error {
      case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
        .composer(_, let problem, let mark, _):
        throw failure(path, mark, problem)
      case .reader(let problem, let offset, _, _):
        let position = offset.map { place(of: $0, in: yaml) } ?? ""
        throw failure(path + position, nil, problem)
      case .duplicatedKeysInMapping(let keys, let first):
        let key = keys.first ?? ""
        throw failure(path, first.mark, "'\(key)' is given here and again further down, keep one")
      default:
        throw failure(path, nil, "\(error)")
      }
    } catch {
      throw failure(path, nil, "\(error)")
    }
  }

  private static func place(of offset: Int, in yaml: String) -> String {
    let before = yaml.prefix(offset).split(separator: "\n", omittingEmptySubsequences: false)
    return ":\(before.count):\((before.last?.count ?? 0) + 1)"
  }

  static func failure(_ path: String, _ mark: Mark?, _ problem: String) -> Failure {
    let place = mark.map { ":\($0.line):\($0.column)" } ?? ""
    return Failure(.badData, "\(path)\(place): \(problem)")
  }
}
