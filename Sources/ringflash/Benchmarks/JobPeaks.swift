import Kernels
import MPI
import Reporting

/// What the job can do at most, measured while all threads that there are cores for run at once, on
/// all ranks of all hosts together. Ranks without a core to themselves wait.
struct JobPeaks {
  /// GFLOP/s of the bf16 dot product, in use or not; nil where a CPU of the job has none.
  let dotProductGFLOPS: Double?
  /// GFLOP/s of float32 multiply-add.
  let multiplyAddGFLOPS: Double
  /// GB/s of reads from memory, each host's from its own; nil where it was not measured.
  let readGBPerSecond: Double?
  /// Whether the arithmetic that was asked about multiplies by the bf16 dot product.
  private let multipliesByDotProduct: Bool

  /// Every rank calls this; it takes some tenths of a second.
  ///
  /// - Throws: `MPIError`.
  init(_ run: BenchmarkRun, measuringRead: Bool) throws {
    let (resources, arithmetic) = (run.resources, run.arithmetic)
    let threads = resources.runningThreads(ofEach: arithmetic.team.threads)
    let hostThreads = min(resources.ranks * arithmetic.team.threads, resources.cores)
    let hostBytes =
      measuringRead
      ? try run.job.host.broadcast(value: resources.bytesBeyondCache, from: 0) : 0
    let meter =
      threads == 0
      ? nil
      : PeakMeter(
        instructionSet: arithmetic.instructionSet, threads: threads,
        memoryBytes: hostBytes / hostThreads * threads)

    /// The best of some runs that all ranks begin together.
    func best(of runs: Int, _ measure: (PeakMeter) -> Double) throws -> Double {
      var best = 0.0
      for _ in 0..<runs {
        try run.communicator.barrier()
        let own = meter.map(measure) ?? 0
        best = max(best, try run.communicator.allReduce(value: own, .sum))
      }
      return best
    }
    let without = meter.map { $0.hasDotProduct ? 0 : 1 } ?? 0
    let haveDotProduct = try run.communicator.allReduce(value: without, .maximum) == 0
    dotProductGFLOPS = haveDotProduct ? try best(of: 5) { $0.dotProductGFLOPS() ?? 0 } : nil
    multiplyAddGFLOPS = try best(of: 5) { $0.multiplyAddGFLOPS() }
    readGBPerSecond = measuringRead ? try best(of: 4) { $0.readGBPerSecond() } : nil
    multipliesByDotProduct = arithmetic.inputType == .bf16
  }

  /// What a line did in a second, which says what it is measured against.
  enum Rate {
    /// GFLOP/s.
    case computed(Measurement)
    /// GB/s of memory.
    case read(Measurement)
  }

  /// The rate, its peak and the fraction of it. What a line is not about is missing from it, and
  /// reading altogether where its peak was not measured.
  func cells(_ rate: Rate) -> [Table.Cell] {
    var (gflops, gbPerSecond): (Measurement?, Measurement?)
    let (peakName, peak, mean): (String, Double, Double)
    switch rate {
    case .computed(let measurement):
      gflops = measurement
      mean = measurement.mean
      let dotProduct = multipliesByDotProduct ? dotProductGFLOPS : nil
      peakName = dotProduct == nil ? "multiply-add" : "dot product"
      peak = dotProduct ?? multiplyAddGFLOPS
    case .read(let measurement):
      gbPerSecond = measurement
      mean = measurement.mean
      peakName = "memory read"
      peak = readGBPerSecond ?? .nan
    }
    func reading(_ cell: Table.Cell) -> [Table.Cell] { readGBPerSecond == nil ? [] : [cell] }
    return [.measured("gflops", gflops?.cellValue, digits: 1)]
      + reading(.measured("gb_per_second", gbPerSecond?.cellValue, digits: 2))
      + [.text("peak", peakName), .decimal("peak_gflops", gflops.map { _ in peak }, digits: 1)]
      + reading(.decimal("peak_gb_per_second", gbPerSecond.map { _ in peak }, digits: 2))
      + [
        .decimal("fraction_of_peak", mean / peak, digits: 3),
        .decimal("dot_product_gflops", gflops.flatMap { _ in dotProductGFLOPS }, digits: 1),
      ]
  }
}
