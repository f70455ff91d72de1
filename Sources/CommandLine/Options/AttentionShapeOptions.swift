import ArgumentParser

/// The heads of the attention layer that a benchmark runs.
package struct AttentionShapeOptions: ParsableArguments, Sendable {
  @Option(
    parsing: .unconditional, help: .init("Query heads. (default: 8)", valueName: "h"),
    transform: OptionValue.integer(1...1024))
  package var queryHeads: Int = 8

  @Option(
    parsing: .unconditional,
    help: .init(
      "Heads of keys and values; a divisor of the query heads. (default: 2)", valueName: "g"),
    transform: OptionValue.integer(1...1024))
  package var kvHeads: Int = 2

  @Option(
    parsing: .unconditional, help: .init("Dimension of a head. (default: 128)", valueName: "d"),
    transform: OptionValue.integer(1...1024))
  package var headDim: Int = 128

  package init() {}

  package func validate() throws {
    guard queryHeads.isMultiple(of: kvHeads) else {
      throw ValidationError(
        "--query-heads \(queryHeads) is not a multiple of --kv-heads \(kvHeads), so heads cannot be grouped"
      )
    }
    guard headDim.isMultiple(of: 16) else {
      throw ValidationError("--head-dim \(headDim) is not a multiple of 16")
    }
  }
}
