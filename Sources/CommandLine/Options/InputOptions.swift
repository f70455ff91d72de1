import ArgumentParser

/// What every run over a context is told of it. As in `GenerateOptions`, nil is what was not given.
package struct InputOptions: ParsableArguments, Sendable {
  @Option(
    name: GenerateOption.context.name,
    help: .init("The context: UTF-8 text; - is standard input.", valueName: "file"),
    transform: OptionValue.path)
  package var context: String?

  @Option(
    name: GenerateOption.tokenIds.name,
    help: .init(
      "The context as a JSON array of token ids, in place of --context.", valueName: "file"),
    transform: OptionValue.path)
  package var tokenIds: String?

  package init() {}
}
