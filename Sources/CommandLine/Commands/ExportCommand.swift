import ArgumentParser
import ModelFiles
import Reporting
import Tokenizers
import Transformer

/// `ringflash export`: the built-in model as a model directory.
package struct ExportCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Write a built-in model as a model directory in Hugging Face layout.",
    discussion: """
      Examples:
        ringflash export needle-model
        ringflash export needle-moe-model --model needle-moe
        mpirun -np 8 ringflash --model ./needle-model --context haystack.txt
      """)

  @Argument(help: .init("The directory to write.", valueName: "dir"), transform: OptionValue.path)
  package var directory: String

  @Option(
    parsing: .unconditional,
    help: .init(
      """
      Which one: \(NeedleModel.Variant.allCases.map(\.rawValue).joined(separator: ", ")). \
      (default: \(ModelSource.standardName))
      """, valueName: "name"),
    transform: OptionValue.choice(NeedleModel.Variant.self))
  package var model = NeedleModel.Variant.plain

  @Flag(help: "Replace files that are there already.")
  package var overwrite = false

  package init() {}

  var parsed: ParsedCommand { .export(self) }

  /// Writes config.json, generation_config.json, tokenizer.json and model.safetensors.
  ///
  /// - Throws: `FileError` if a file cannot be written, or is there already.
  func execute() throws {
    let needle = NeedleModel(model)
    try ModelDirectory.write(
      to: directory, configuration: needle.configurationJSON(),
      generationConfiguration: needle.generationConfigurationJSON(),
      tokenizer: Tokenizer.bytesJSON(),
      tensors: needle.fileTensors().map {
        Tensor(
          name: $0.name, elementType: .bfloat16, shape: $0.shape,
          bytes: UnsafeRawBufferPointer(start: $0.elements, count: $0.bytes), owner: $0.owner)
      },
      metadata: ["format": "pt"], overwrite: overwrite)
    StandardError.write("wrote the built-in model \(model.rawValue) to \(directory)\n")
  }
}
