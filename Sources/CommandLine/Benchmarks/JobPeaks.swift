import Kernels
import MPI
import Ranks
import Reporting

/// What the job can do at most, measured while all threads that there are cores for run at once, on
/// all ranks of all hosts together. Ranks without a core to themselves wait.
///
/// A core's clock follows its load, its temperature and its neighbours, so peaks are measured anew
/// before and after every repetition that they are compared with, and their mean counts.
final class JobPeaks {
  private let communicator: Communicator
  /// Nil on a rank without a core to itself.
  private let meter: PeakMeter?
  private let haveDotProduct: Bool
  private let haveInt8DotProduct: Bool
  private let measuresRead: Bool
  /// Whether the arithmetic that was asked about multiplies by the bf16 dot product.
  private let multipliesByDotProduct: Bool
  private var samples: [Sample] = []

  private struct Sample {
    /// GFLOP/s; of the dot product 0 where a CPU of the job has none.
    let dotProduct: Double
    /// GOP/s of the int8 dot product; 0 where a CPU of the job has none.
    let int8DotProduct: Double
    let multiplyAdd: Double
    /// GB/s from memory, each host's from its own; 0 where it is not measured.
    let read: Double
  }

  /// GFLOP/s of the bf16 dot product, in use or not; nil where a CPU of the job has none.
  private var dotProductGFLOPS: Double? { haveDotProduct ? mean(\.dotProduct) : nil }

  private func mean(_ peak: KeyPath<Sample, Double>) -> Double {
    samples.reduce(0) { $0 + $1[keyPath: peak] } / Double(samples.count)
  }

  /// Every rank calls this.
  ///
  /// - Throws: `MPIError`.
  init(_ run: BenchmarkRun, measuringRead: Bool) throws {
    let (resources, arithmetic) = (run.resources, run.arithmetic)
    communicator = run.communicator
    measuresRead = measuringRead
    let threads = resources.runningThreads(ofEach: arithmetic.team.threads)
    let hostThreads = min(resources.ranks * arithmetic.team.threads, resources.cores)
    let hostBytes =
      measuringRead
      ? try run.job.host.broadcast(value: resources.bytesBeyondCache, from: 0) : 0
    meter =
      threads == 0
      ? nil
      : PeakMeter(
        instructionSet: arithmetic.instructionSet, threads: threads,
        memoryBytes: hostBytes / hostThreads * threads)
    let without = meter.map { $0.hasDotProduct ? 0 : 1 } ?? 0
    haveDotProduct = try communicator.allReduce(value: without, .maximum) == 0
    let withoutInt8 = meter.map { $0.hasInt8DotProduct ? 0 : 1 } ?? 0
    haveInt8DotProduct = try communicator.allReduce(value: withoutInt8, .maximum) == 0
    multipliesByDotProduct = arithmetic.inputType == .bf16
  }

  /// Forgets what was measured, before another line's first repetition.
  func clear() { samples = [] }

  /// Measures all peaks once more, each the better of two runs that all ranks begin together; some
  /// hundredths of a second.
  ///
  /// - Throws: `MPIError`.
  func measure() throws {
    func best(_ measure: (PeakMeter) -> Double) throws -> Double {
      var best = 0.0
      for _ in 0..<2 {
        try communicator.barrier()
        best = max(best, try communicator.allReduce(value: meter.map(measure) ?? 0, .sum))
      }
      return best
    }
    samples.append(
      Sample(
        dotProduct: haveDotProduct ? try best { $0.dotProductGFLOPS() ?? 0 } : 0,
        int8DotProduct: haveInt8DotProduct ? try best { $0.int8DotProductGOPS() ?? 0 } : 0,
        multiplyAdd: try best { $0.multiplyAddGFLOPS() },
        read: measuresRead ? try best { $0.readGBPerSecond() } : 0))
  }

  /// What a line did in a second, which says what it is measured against.
  enum Rate {
    /// GFLOP/s.
    case computed(Measurement)
    /// GOP/s of int8 products.
    case computedAsInt8(Measurement)
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
      peak = dotProduct ?? self.mean(\.multiplyAdd)
    case .computedAsInt8(let measurement):
      gflops = measurement
      mean = measurement.mean
      peakName = haveInt8DotProduct ? "int8 dot product" : "multiply-add"
      peak = self.mean(haveInt8DotProduct ? \.int8DotProduct : \.multiplyAdd)
    case .read(let measurement):
      gbPerSecond = measurement
      mean = measurement.mean
      peakName = "memory read"
      peak = self.mean(\.read)
    }
    func reading(_ cell: Table.Cell) -> [Table.Cell] { measuresRead ? [cell] : [] }
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
