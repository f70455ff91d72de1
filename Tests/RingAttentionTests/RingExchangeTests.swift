import MPI
import Ranks
import RingAttention
import TestSupport
import Testing

extension RankTests {
  @Suite @MPIThread struct RingExchangeTests {
    private nonisolated static let regionBlocks = 9

    /// Memory that stays in place while a message is under way.
    private final class Region {
      let bytes: UnsafeMutableRawBufferPointer
      var start: UnsafeMutableRawPointer { bytes.baseAddress! }

      init(_ contents: [UInt8]) {
        bytes = .allocate(byteCount: max(contents.count, 1), alignment: 64)
        bytes.copyBytes(from: contents)
      }

      /// Blocks that nothing has been written to.
      convenience init(blockBytes: Int) {
        self.init([UInt8](repeating: 0xEE, count: RingExchangeTests.regionBlocks * blockBytes))
      }

      /// A rank's own blocks.
      convenience init(blockBytes: Int, of rank: Int) {
        self.init(RingExchangeTests.region(of: rank, blockBytes: blockBytes))
      }

      deinit { bytes.deallocate() }
    }

    private nonisolated static func region(of rank: Int, blockBytes: Int) -> [UInt8] {
      sampleBytes(regionBlocks * blockBytes, seed: rank)
    }

    /// The rank so many steps on in the ring.
    private func rank(_ steps: Int) -> Int { (world.rank + steps + world.size) % world.size }

    /// Expects that these blocks of the rank have arrived at the region's start, and that nothing was
    /// written behind them.
    private func expect(
      _ region: Region, holds blocks: [Int], of rank: Int, blockBytes: Int, _ label: String,
      sourceLocation: SourceLocation = #_sourceLocation
    ) {
      let source = Self.region(of: rank, blockBytes: blockBytes)
      let expected = blocks.flatMap { source[$0 * blockBytes..<($0 + 1) * blockBytes] }
      #expect(
        region.bytes.prefix(expected.count).elementsEqual(expected), "\(label), of rank \(rank)",
        sourceLocation: sourceLocation)
      #expect(
        region.bytes.dropFirst(expected.count).allSatisfy { $0 == 0xEE }, "behind \(label)",
        sourceLocation: sourceLocation)
    }

    /// In either direction; of blocks that do and that do not follow each other; of messages that MPI
    /// sends at once and of such as move only while it is called.
    @Test(arguments: [-1, 1], [[], [0], [4], [0, 1, 2, 3], [7, 1, 8, 0, 3], [2, 3, 6]])
    func blocksGoOneHop(step: Int, blocks: [Int]) throws {
      for blockBytes in [1, 1000, 100_003] {
        for polls in [0, 20] {
          let label = "\(blocks) of \(blockBytes) bytes, step \(step), \(polls) polls"
          let own = Region(blockBytes: blockBytes, of: world.rank)
          let arriving = Region(blockBytes: blockBytes)
          let exchange = RingExchange(world, step: step)
          try exchange.start(
            sending: blocks, of: own.start, receiving: blocks.count, into: arriving.start,
            blockBytes: blockBytes, hop: 3)
          #expect(exchange.bytesSent == blocks.count * blockBytes, "\(label)")
          for _ in 0..<polls { exchange.poll() }
          #expect(try exchange.finish(), "\(label)")
          expect(
            arriving, holds: blocks, of: rank(-step), blockBytes: blockBytes, label)
          #expect(own.bytes.elementsEqual(Self.region(of: world.rank, blockBytes: blockBytes)))
          // There is nothing left to wait for.
          exchange.poll()
          #expect(try exchange.finish() && exchange.bytesSent == blocks.count * blockBytes)
        }
      }
    }

    /// Some ranks send nothing, and some nothing is sent to.
    @Test func ranksSendDifferentNumbersOfBlocks() throws {
      let blockBytes = 777
      func blocks(of rank: Int) -> [Int] { Array([8, 2, 5].prefix(rank % 4)) }
      for step in [-1, 1] {
        let own = Region(blockBytes: blockBytes, of: world.rank)
        let arriving = Region(blockBytes: blockBytes)
        let exchange = RingExchange(world, step: step)
        try exchange.start(
          sending: blocks(of: world.rank), of: own.start, receiving: blocks(of: rank(-step)).count,
          into: arriving.start, blockBytes: blockBytes, hop: 0)
        try exchange.finish()
        expect(
          arriving, holds: blocks(of: rank(-step)), of: rank(-step), blockBytes: blockBytes,
          "step \(step)")
        #expect(exchange.bytesSent == blocks(of: world.rank).count * blockBytes)
      }
    }

    /// What has arrived is passed on, until every rank has its own blocks back; hops are told apart
    /// also where their numbers exceed the tags that there are.
    @Test func oneExchangeServesAllHops() throws {
      let (blockBytes, blocks) = (5000, [6, 0, 1])
      let own = Region(blockBytes: blockBytes, of: world.rank)
      var (held, arriving) = (Region(blockBytes: blockBytes), Region(blockBytes: blockBytes))
      let exchange = RingExchange(world)
      for hop in 1...world.size {
        try exchange.start(
          sending: hop == 1 ? blocks : [0, 1, 2], of: (hop == 1 ? own : held).start, receiving: 3,
          into: arriving.start, blockBytes: blockBytes, hop: Communicator.largestTag - 2 + hop)
        try exchange.finish()
        swap(&held, &arriving)
        expect(
          held, holds: blocks, of: rank(hop % world.size), blockBytes: blockBytes, "hop \(hop)")
        #expect(exchange.bytesSent == hop * 3 * blockBytes)
      }
    }

    @Test func bothDirectionsGoAtOnce() throws {
      let blockBytes = 100_000
      let own = Region(blockBytes: blockBytes, of: world.rank)
      let regions = (0..<2).map { _ in Region(blockBytes: blockBytes) }
      let exchanges = [-1, 1].map { RingExchange(world, step: $0) }
      for (index, exchange) in exchanges.enumerated() {
        try exchange.start(
          sending: [index, 8], of: own.start, receiving: 2, into: regions[index].start,
          blockBytes: blockBytes, hop: index)
      }
      // Neither waits for the other to be finished.
      for exchange in exchanges.reversed() { try exchange.finish() }
      expect(regions[0], holds: [0, 8], of: rank(1), blockBytes: blockBytes, "down")
      expect(regions[1], holds: [1, 8], of: rank(-1), blockBytes: blockBytes, "up")
    }

    /// A message of another length than was agreed on is an error at the end, not while computing.
    @Test func aPollKeepsItsErrorForTheEnd() throws {
      let own = Region(blockBytes: 10, of: world.rank)
      let arriving = Region(blockBytes: 10)
      let exchange = RingExchange(world)
      try exchange.start(
        sending: [0, 5], of: own.start, receiving: 3, into: arriving.start, blockBytes: 10, hop: 0)
      try world.barrier()
      for _ in 0..<1000 { exchange.poll() }
      let error = #expect(throws: MPIError.self) { try exchange.finish() }
      #expect(error?.errorClass == .truncate)
      try world.barrier()
    }

    /// All ranks are stopped while they wait for what nobody has sent. The message then comes late, or
    /// not at all; either way, the next one is that of the next hop.
    @Test(arguments: [-1, 1], [false, true])
    func aStoppedHopIsDrained(step: Int, isSent: Bool) throws {
      let blockBytes = 70_000
      let own = Region(blockBytes: blockBytes, of: world.rank)
      let arriving = Region(blockBytes: blockBytes)
      let interruption = try Interruption(communicator: world) { world.rank == world.size - 1 }
      let stop = PrefillStop(interruption, finishedLayers: 0)
      let exchange = RingExchange(world, step: step)
      try exchange.start(
        sending: [], of: own.start, receiving: 2, into: arriving.start, blockBytes: blockBytes,
        hop: 7)
      #expect(try !exchange.finish(stop))
      #expect(stop.verdict == .stop(finishedLayers: 0))
      try interruption.finish()
      // What is late for one rank must not come in time for another.
      try world.barrier()

      let late = RingExchange(world, step: step)
      if isSent {
        try late.start(
          sending: [3, 1], of: own.start, receiving: 0, into: arriving.start,
          blockBytes: blockBytes, hop: 7)
      }
      try exchange.drainReceive(isSent: isSent)
      #expect(try exchange.finish() && late.finish())
      expect(
        arriving, holds: isSent ? [3, 1] : [], of: rank(-step), blockBytes: blockBytes, "late")
      try world.barrier()

      let next = Region(blockBytes: blockBytes)
      try exchange.start(
        sending: [2], of: own.start, receiving: 1, into: next.start, blockBytes: blockBytes, hop: 7)
      #expect(try exchange.finish())
      expect(next, holds: [2], of: rank(-step), blockBytes: blockBytes, "the next")
      #expect(exchange.bytesSent == blockBytes && late.bytesSent == (isSent ? 2 * blockBytes : 0))
    }
  }
}
