import ArgumentParser
import Ranks

/// Parses the command line without printing and without ending the process: every rank parses the
/// same arguments, and only rank 0 may speak.
package enum CommandLineParser {
  /// The command that `arguments` (without the program's name) ask for, or what to print instead.
  package static func parse(_ arguments: [String]) -> Result<ParsedCommand, EarlyExit> {
    if let failure = unknownCommand(arguments) { return .failure(.failure(failure)) }
    let lists = ListArguments(arguments)
    do {
      var command = try RootCommand.parseAsRoot(lists.rest)
      if let command = command as? any Subcommand {
        guard case .generate(var options) = command.parsed else { return .success(command.parsed) }
        options.stop = lists.stopTexts
        return .success(.generate(options))
      }
      // What is left is `help`, and a command that only groups others: both throw what to print.
      try command.run()
      return .failure(.text(line(RootCommand.helpMessage())))
    } catch {
      guard RootCommand.exitCode(for: error).isSuccess else {
        let reason = sentence(RootCommand.message(for: error))
        let failure = Failure(.usage, "\(reason) (see '\(helpCommand(for: arguments))')")
        return .failure(.failure(failure))
      }
      return .failure(.text(line(RootCommand.fullMessage(for: error))))
    }
  }

  /// A first argument that is no option must name a command: `generate`, the default, takes options
  /// only, and would complain about the options of a misspelled command instead of its name. `help`
  /// would tell about all commands.
  private static func unknownCommand(_ arguments: [String]) -> Failure? {
    let named = arguments.first == "help" ? arguments.dropFirst() : arguments[...]
    guard let first = named.first, !first.hasPrefix("-") else { return nil }
    let names = RootCommand.configuration.subcommands.map { $0._commandName } + ["help"]
    guard !names.contains(first) else { return nil }
    let nearest = nearestName(to: first, among: names)
    let suggestion = nearest.map { ", did you mean '\($0)'?" } ?? ""
    return Failure(
      .usage, "there is no command '\(first)'\(suggestion) (see 'ringflash --help')")
  }

  /// The command line that shows help about the command that `arguments` name.
  private static func helpCommand(for arguments: [String]) -> String {
    var command: any ParsableCommand.Type = RootCommand.self
    var path = "ringflash"
    func enter(_ subcommand: any ParsableCommand.Type) {
      command = subcommand
      path += " " + subcommand._commandName
    }
    for argument in arguments {
      let subcommands = command.configuration.subcommands
      guard let named = subcommands.first(where: { $0._commandName == argument }) else { break }
      enter(named)
    }
    if let defaultCommand = command.configuration.defaultSubcommand { enter(defaultCommand) }
    return path + " --help"
  }

  /// The text with one newline at its end.
  private static func line(_ text: String) -> String {
    let end = text.lastIndex { !$0.isNewline }.map { text.index(after: $0) } ?? text.startIndex
    return text[..<end] + "\n"
  }

  /// The argument parser's message in the form of all others: one line, lower case at the start, no
  /// final period.
  static func sentence(_ message: String) -> String {
    let lines = message.split(separator: "\n").map { $0.drop { $0.isWhitespace } }
    let line = lines.joined(separator: " ")
    return line.prefix(1).lowercased()
      + (line.last == "." ? line.dropLast() : line[...]).dropFirst()
  }
}
