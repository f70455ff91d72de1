import CKernels
import Glibc
import Synchronization

/// Runs what this CPU does fastest on several threads, all at the same time: on registers alone, and
/// over memory. The best of several runs is the peak; those that share a machine run theirs together.
public final class PeakMeter {
  private let table: rf_kernel_table
  /// Of this CPU, also where another instruction set is in use.
  private let dotProduct: rf_peak_function?
  private let int8DotProduct: rf_peak_function?
  private let team: ThreadTeam
  private let memory: AlignedBuffer<UInt8>
  private let bytesPerThread: Int
  /// Threads that have begun the run under way.
  private let begun = Atomic<Int>(0)

  /// Rounds on registers: some 10 ms.
  private static let rounds = 2_000_000
  /// Parts of the memory begin at multiples of this, a huge page.
  private static let alignment = 1 << 21

  /// - Parameters:
  ///   - instructionSet: of multiply-add and of reads.
  ///   - threads: so many cores are there for them.
  ///   - memoryBytes: what a read goes over, each thread over its own part; 0 where none is
  ///     measured. It shows a level of the memory only if it is larger than the levels above.
  public init(instructionSet: InstructionSet, threads: Int, memoryBytes: Int = 0) {
    table = rf_kernel_table_for(instructionSet.code)
    let all = rf_kernel_table_for(InstructionSet.available.last!.code)
    dotProduct = all.peak_dot_product
    int8DotProduct = all.peak_int8_dot_product
    team = ThreadTeam(threads: threads)
    bytesPerThread =
      memoryBytes == 0 ? 0 : max(1, memoryBytes / threads / Self.alignment) * Self.alignment
    memory = AlignedBuffer(count: threads * bytesPerThread)
    // The thread that will read a part writes it first, so that it lies near where it runs.
    let (start, bytes) = (memory.pointer, bytesPerThread)
    _ = onAllThreads { thread in
      for offset in stride(from: 0, to: bytes, by: 4096) { start[thread * bytes + offset] = 1 }
      return 0
    }
  }

  /// Whether the CPU has a bf16 dot product.
  public var hasDotProduct: Bool { dotProduct != nil }

  /// GFLOP/s of the CPU's bf16 dot product in one run, of all threads together; nil without one.
  public func dotProductGFLOPS() -> Double? {
    dotProduct.map { peak in onAllThreads { _ in peak(Self.rounds) } / 1e9 }
  }

  /// Whether the CPU has an int8 dot product.
  public var hasInt8DotProduct: Bool { int8DotProduct != nil }

  /// GOP/s of the CPU's int8 dot product in one run, of all threads together; nil without one.
  public func int8DotProductGOPS() -> Double? {
    int8DotProduct.map { peak in onAllThreads { _ in peak(Self.rounds) } / 1e9 }
  }

  /// GFLOP/s of float32 multiply-add in one run, of all threads together.
  public func multiplyAddGFLOPS() -> Double {
    onAllThreads { _ in table.peak_multiply_add(Self.rounds) } / 1e9
  }

  /// GB/s of one pass over the memory, of all threads together.
  public func readGBPerSecond() -> Double {
    let (start, bytes) = (memory.pointer, bytesPerThread)
    return onAllThreads { thread in
      blackHole(table.read(start + thread * bytes, bytes))
      return Double(bytes)
    } / 1e9
  }

  /// The sum of what each thread does a second, where `body` says how much it did.
  private func onAllThreads(_ body: (_ thread: Int) -> Double) -> Double {
    let threads = team.threads
    var rates = [Double](repeating: 0, count: threads)
    begun.store(0, ordering: .relaxed)
    rates.withUnsafeMutableBufferPointer { rates in
      nonisolated(unsafe) let rates = rates.baseAddress!
      team.forEach(threads) { _, thread in
        // As many items as threads, and none begins before all have one: one each.
        begun.wrappingAdd(1, ordering: .acquiringAndReleasing)
        while begun.load(ordering: .acquiring) < threads { sched_yield() }
        let start = ContinuousClock.now
        let amount = body(thread)
        rates[thread] = amount / (ContinuousClock.now - start).seconds
      }
    }
    return rates.reduce(0, +)
  }
}

/// Keeps a result that nobody reads from being optimized away.
@inline(never)
private func blackHole<Value>(_ value: Value) {
  withExtendedLifetime(value) {}
}
