import ArgumentParser

/// How is said where an answer comes from. As in `GenerateOptions`, nil is what was not given.
package struct SourceOptions: ParsableArguments, Sendable {
  @Option(
    name: GenerateOption.sources.name, parsing: .unconditional,
    help: .init(
      "Say which places of the context an answer comes from, so many of them, 1 to 100.",
      valueName: "n"),
    transform: OptionValue.integer(1...100))
  package var sources: Int?

  @Option(
    name: GenerateOption.sourcesHTML.name,
    help: .init(
      """
      Write the context's text to this page, the warmer where the answer comes from; it opens at the \
      strongest place. (5 places unless --sources says otherwise)
      """, valueName: "file"),
    transform: OptionValue.path)
  package var sourcesHTML: String?

  package init() {}
}
