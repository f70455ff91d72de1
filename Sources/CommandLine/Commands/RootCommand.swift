import ArgumentParser

/// `ringflash`: the commands' common root. Without a command's name, `generate` is meant.
struct RootCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ringflash",
    abstract: "Answers questions over very long contexts on clusters of CPUs, with MPI.",
    discussion: """
      Every rank holds a part of the sequence and runs flash attention on it, while blocks of keys \
      and values pass round the ring of ranks. Without a command's name, 'generate' is meant.

      Examples:
        mpirun -np 8 ringflash --context book.txt
        mpirun -np 8 ringflash --context book.txt --prompt "It was the best of "
        ringflash haystack --tokens 100000 --needles 8 --output haystack.txt
        ringflash help generate
      """,
    version: "0.1.0",
    subcommands: [
      GenerateCommand.self, InfoCommand.self, InspectCommand.self, ContextsCommand.self,
      PlanCommand.self, HaystackCommand.self, ExportCommand.self, TokenizeCommand.self,
      PerplexityCommand.self, BenchCommand.self,
    ],
    defaultSubcommand: GenerateCommand.self)
}
