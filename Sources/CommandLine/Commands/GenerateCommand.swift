import ArgumentParser

/// `ringflash generate`: prefill a context and generate what follows it.
struct GenerateCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "generate",
    abstract: "Generate text after a context.",
    discussion: """
      The generated text is on standard output, and nothing else; progress and the summary are on \
      standard error.

      Examples:
        mpirun -np 8 ringflash --context book.txt
        mpirun -np 8 ringflash --context book.txt --prompt-file question.txt
        mpirun -np 8 ringflash --config configs/cluster.yaml --report run.json
        mpirun -np 8 ringflash --context book.txt --prompts q.jsonl --answers a.jsonl
        zcat book.txt.gz | mpirun -np 8 ringflash --context - --stop '.' --json
      """)

  @OptionGroup var options: GenerateOptions

  var parsed: ParsedCommand { .generate(options) }

  func validate() throws {
    if let failure = options.exclusion { throw ValidationError(failure.sentence) }
  }
}
