import Kernels
import Ranks
import Reporting
import RingAttention

/// `bench ring`: messages alone, and the messages of one layer's attention, which computation is to
/// hide.
struct RingBenchmark {
  private let command: BenchRingCommand
  private let run: BenchmarkRun
  /// GB/s of a large message between the best pair of neighbours.
  private let peak: Double

  /// Of a message that shows a link's bandwidth whatever sizes are asked for: long enough for all that
  /// comes before its first byte, and larger than the cache of a core.
  private static let largeBytes = 1 << 24
  private static let latencyBytes = 8

  static func run(_ command: BenchRingCommand, _ job: Job) throws {
    guard job.communicator.size > 1 else {
      throw AgreedFailure(
        failure: Failure(
          .usage,
          """
          bench ring measures messages between ranks, and this job has one rank; start it with \
          'mpirun -np 2 ringflash bench ring'
          """))
    }
    let run = try BenchmarkRun(command.common, job)
    let shape = AttentionShape(command.heads)
    let mostBytes = max(largeBytes, command.bytes.max() ?? 0)
    try job.checkMemory(
      RingMessages.bytes(mostBytes: mostBytes)
        + RandomAttentionLayer.bytes(
          arithmetic: run.arithmetic, shape: shape, tokens: command.tokens, run.communicator,
          isExchangedAlone: true),
      for: "messages and one layer", remedy: "use more hosts, fewer --tokens, or smaller --bytes")
    let messages = RingMessages(communicator: run.communicator, mostBytes: mostBytes)
    let benchmark = RingBenchmark(
      command: command, run: run,
      peak: try messages.bestLink(bytes: mostBytes))
    try run.write(
      [benchmark.latency(messages)]
        + command.bytes.map { try benchmark.oneWay(messages, bytes: $0) }
        + command.bytes.map { try benchmark.bothWays(messages, bytes: $0) }
        + [benchmark.hidden(shape)])
  }

  private func latency(_ messages: RingMessages) throws -> [Table.Cell] {
    let rounds = 100
    let bytes = Self.latencyBytes
    let seconds = try run.repeated { _ in
      try run.timed { for _ in 0..<rounds { try messages.passRound(bytes: bytes) } }.seconds
        / Double(rounds * run.communicator.size)
    }
    return cells("latency", messageBytes: bytes, hopSeconds: seconds, hopBytes: bytes)
  }

  private func oneWay(_ messages: RingMessages, bytes: Int) throws -> [Table.Cell] {
    let seconds = try hops(bytes: bytes) { try messages.exchange(bytes: bytes) }
    return cells("one direction", messageBytes: bytes, hopSeconds: seconds, hopBytes: bytes)
  }

  private func bothWays(_ messages: RingMessages, bytes: Int) throws -> [Table.Cell] {
    let seconds = try hops(bytes: bytes) { try messages.exchangeBothWays(bytes: bytes) }
    return cells("both directions", messageBytes: bytes, hopSeconds: seconds, hopBytes: 2 * bytes)
  }

  /// Seconds a hop; small messages are sent many times in a repetition, whose barriers take longer
  /// than they do.
  private func hops(bytes: Int, _ hop: () throws -> Void) throws -> [Double] {
    let count = min(1000, max(1, 2 * Self.largeBytes / bytes))
    return try run.repeated { _ in
      try run.timed { for _ in 0..<count { try hop() } }.seconds / Double(count)
    }
  }

  private func hidden(_ shape: AttentionShape) throws -> [Table.Cell] {
    let communicator = run.communicator
    let layer = RandomAttentionLayer(
      arithmetic: run.arithmetic, shape: shape, pattern: .causal, tokens: command.tokens,
      communicator: communicator)
    let attention = try run.repeated { _ in
      let (work, seconds) = try run.timed { try layer.attend() }
      return (
        seconds: seconds,
        exposed: try communicator.allReduce(value: work.exposedSeconds, .maximum)
      )
    }
    let even = AlignedBuffer<UInt8>(count: layer.messageBytes)
    let odd = AlignedBuffer<UInt8>(count: layer.messageBytes)
    let alone = try run.repeated { _ in
      let (bytes, seconds) = try run.timed {
        try layer.exchange(into: (even.pointer, odd.pointer))
      }
      return (seconds: seconds, bytes: try communicator.allReduce(value: bytes, .maximum))
    }
    let hops = communicator.size - 1
    return cells(
      "hidden", messageBytes: try communicator.allReduce(value: layer.messageBytes, .maximum),
      hopSeconds: alone.map { $0.seconds / Double(hops) }, hopBytes: alone[0].bytes / hops,
      Overlap(
        shape: shape, attention: Measurement(attention.map(\.seconds)),
        exchange: alone[0].bytes > 0 ? Measurement(alone.map(\.seconds)) : nil,
        exposed: Measurement(attention.map(\.exposed))))
  }

  /// Attention with its exchange, and what of the exchange shows.
  private struct Overlap {
    let shape: AttentionShape
    let attention: Measurement
    /// Nil where there is none.
    let exchange: Measurement?
    let exposed: Measurement

    /// The part of the exchange for which nobody waits.
    var hidden: Double? { exchange.map { 1 - exposed.mean / $0.mean } }
  }

  /// - Parameters:
  ///   - messageBytes: of one message.
  ///   - hopBytes: what a rank sends in a hop.
  private func cells(
    _ test: String, messageBytes: Int, hopSeconds: [Double], hopBytes: Int,
    _ overlap: Overlap? = nil
  ) -> [Table.Cell] {
    // Where nobody sees the blocks of others, nothing is sent.
    let rate =
      hopBytes > 0 ? Measurement(hopSeconds.map { Double(hopBytes) / $0 / 1e9 }) : nil
    let identity: [Table.Cell] = [.text("test", test)]
    let message: [Table.Cell] = [
      .integer("bytes", messageBytes), .integer("repetitions", hopSeconds.count),
      .measured(
        "microseconds_per_hop", Measurement(hopSeconds.map { $0 * 1e6 }).cellValue, digits: 2),
      .measured("gb_per_second", rate?.cellValue, digits: 3),
      .decimal("peak_gb_per_second", peak, digits: 3),
      .decimal("fraction_of_peak", rate.map { $0.mean / peak }, digits: 3),
    ]
    let attention: [Table.Cell] = [
      .integer("tokens", overlap.map { _ in command.tokens }),
      .integer("query_heads", overlap?.shape.queryHeads),
      .integer("kv_heads", overlap?.shape.keyValueHeads),
      .integer("head_dim", overlap?.shape.headDimension),
      .measured("attention_seconds", overlap?.attention.cellValue, digits: 4),
      .measured("exchange_seconds", overlap?.exchange?.cellValue, digits: 4),
      .measured("exposed_seconds", overlap?.exposed.cellValue, digits: 4),
      .decimal("hidden", overlap?.hidden, digits: 3),
    ]
    return identity + run.cells + message + attention
  }
}
