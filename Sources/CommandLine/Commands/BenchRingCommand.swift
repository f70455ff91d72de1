import ArgumentParser

/// `ringflash bench ring`: messages between neighbouring ranks, and how well attention hides them.
package struct BenchRingCommand: Subcommand, Sendable {
  package static let configuration = CommandConfiguration(
    commandName: "ring",
    abstract: "Measure messages round the ring of ranks, and how computation hides them.",
    discussion: """
      latency: 8 bytes go round the ring, one rank at a time. one direction: every rank sends to \
      the one before it and receives from the next, as in a prefill. both directions: every rank \
      sends to both neighbours at once. hidden: the messages of one layer's attention over --tokens.

      A hop is one message from each rank, or in both directions two. gb_per_second is what a rank \
      sends; its peak is that of the fastest pair of neighbours with one large message (16 MiB, or \
      the largest of --bytes) and nothing else going on, in the same run. A fraction may exceed 1 \
      where caches hold short messages; both directions of a full-duplex link may reach 2.

      In the last line, attention_seconds is the whole time, exchange_seconds that of the same \
      messages without computation, exposed_seconds what a rank waits with nothing left to compute \
      (of the rank that waits most), and hidden = 1 - exposed_seconds / exchange_seconds. Where a \
      rank waits for a slower one, hidden may be below 0.

      Examples:
        mpirun -np 2 ringflash bench ring
        mpirun -np 8 --map-by node ringflash bench ring --tokens 131072 --format json
        mpirun -np 4 ringflash bench ring --bytes 4096,1048576,67108864
      """)

  @Option(
    parsing: .unconditional,
    help: .init(
      "Sizes of messages. (default: 1024,65536,1048576,16777216)", valueName: "n,n"),
    transform: OptionValue.integers(1...Int(Int32.max)))
  package var bytes: [Int] = [1 << 10, 1 << 16, 1 << 20, 1 << 24]

  @Option(
    parsing: .unconditional,
    help: .init("Length of the sequence that is attended. (default: 32768)", valueName: "n"),
    transform: OptionValue.integer(1...Int(Int32.max)))
  package var tokens: Int = 32768

  @OptionGroup package var heads: AttentionShapeOptions

  @OptionGroup package var common: BenchmarkOptions

  package init() {}

  var parsed: ParsedCommand { .benchRing(self) }
}
