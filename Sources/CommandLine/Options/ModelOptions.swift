import ArgumentParser

/// What every run over a context is told of its model. As in `GenerateOptions`, nil is what was not
/// given.
package struct ModelOptions: ParsableArguments, Sendable {
  @Flag(
    name: GenerateOption.ignorePositionLimit.name,
    help: "Let a context through that is longer than the positions the model was made for.")
  package var ignorePositionLimit = false

  @Option(
    name: GenerateOption.model.name,
    help: .init(
      """
      A model directory in Hugging Face layout, a GGUF file, or ORG/NAME of a model in the local \
      Hugging Face cache; \(ModelSource.builtInHelp). \
      (default: \(ModelSource.standardName))
      """, valueName: "path"),
    transform: OptionValue.path)
  package var model: String?

  @Option(
    name: GenerateOption.tokenizer.name,
    help: .init(
      "A tokenizer.json in place of the model's own tokenizer.", valueName: "file"),
    transform: OptionValue.path)
  package var tokenizer: String?

  @Flag(
    name: GenerateOption.randomWeights.name,
    help: "Take only the model's configuration, with reproducible random weights.")
  package var randomWeights = false

  @Flag(
    name: GenerateOption.strict.name,
    help: "Refuse a model that has configuration keys that ringflash does not know.")
  package var strict = false

  package init() {}
}
