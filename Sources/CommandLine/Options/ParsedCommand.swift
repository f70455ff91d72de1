import ArgumentParser

/// What the command line asks for, with its options checked as far as they can be without any file.
package enum ParsedCommand: Sendable {
  case generate(GenerateOptions)
  case info(InfoCommand)
  case inspect(InspectCommand)
  case contexts(ContextsCommand)
  case plan(PlanCommand)
  case haystack(HaystackCommand)
  case export(ExportCommand)
  case tokenize(TokenizeCommand)
  case perplexity(PerplexityCommand)
  case benchAttention(BenchAttentionCommand)
  case benchLinear(BenchLinearCommand)
  case benchModel(BenchModelCommand)
  case benchRing(BenchRingCommand)
}

/// A command that can be asked for.
protocol Subcommand: ParsableCommand {
  var parsed: ParsedCommand { get }
}
