import CKernels
import CSystemShims
import Glibc
import Synchronization

/// A team of threads that share out numbered work items; the thread that made the team is its
/// thread 0 and works too.
///
/// Which thread takes which item changes from run to run, so an item's result must follow from its
/// number alone.
public final class ThreadTeam: @unchecked Sendable {
  /// Threads, with the calling one.
  public let threads: Int
  /// Called by the calling thread of every `forEach` that has nothing of its own to do between items:
  /// for messages that move while anything is computed.
  public var whileWorking: (() -> Void)?

  // Written by the caller before `generation` is raised, read by workers after they have seen it
  // raised.
  private var body: ((_ item: Int, _ thread: Int) -> Void)?
  private var itemCount = 0

  private let next = Atomic<Int>(0)
  private let generation = Atomic<Int>(0)
  private let working = Atomic<Int>(0)
  private let isStopping = Atomic<Bool>(false)
  /// Workers that have given up looking. Raised before they look a last time, and read after the
  /// generation has been raised: one of both sees the other.
  private let sleeping = Atomic<Int>(0)
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let wake: UnsafeMutablePointer<pthread_cond_t>
  private var workers: [pthread_t] = []
  /// How often a worker looks for new work before it sleeps.
  private let spins: Int

  public static let defaultSpins = 20_000

  /// - Parameters:
  ///   - threads: 1 or more.
  ///   - spins: how often a worker looks for work before it sleeps; 0 where threads share cores. By
  ///     default it looks for some tenths of a millisecond, longer than what one thread does alone
  ///     between the parallel parts of a layer.
  public init(threads: Int, spins: Int = ThreadTeam.defaultSpins) {
    precondition(threads >= 1, "a team has at least one thread")
    self.threads = threads
    self.spins = spins
    mutex = .allocate(capacity: 1)
    wake = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(wake, nil)
    for thread in 1..<max(threads, 1) {
      // The worker borrows the team: `deinit` joins it before the memory goes.
      let start = WorkerStart(team: Unmanaged.passUnretained(self), thread: thread)
      var handle = pthread_t()
      let status = pthread_create(
        &handle, nil,
        { argument in
          let start = Unmanaged<WorkerStart>.fromOpaque(argument!).takeRetainedValue()
          start.team._withUnsafeGuaranteedRef { $0.work(as: start.thread) }
          return nil
        }, Unmanaged.passRetained(start).toOpaque())
      guard status == 0 else {
        // Their stacks may be all there was, and who ends the job needs some memory.
        endWorkers()
        MemoryExhaustion.end(
          "thread \(thread) of \(threads) could not be started (\(String(cString: strerror(status))))"
        )
      }
      workers.append(handle)
    }
  }

  private func endWorkers() {
    isStopping.store(true, ordering: .releasing)
    announce()
    for worker in workers { pthread_join(worker, nil) }
  }

  deinit {
    endWorkers()
    pthread_mutex_destroy(mutex)
    pthread_cond_destroy(wake)
    mutex.deallocate()
    wake.deallocate()
  }

  /// Calls `body(item, thread)` once for every item in `0..<count` and returns when all are done.
  ///
  /// - Parameters:
  ///   - betweenItems: called by the calling thread between its items and while it waits for the
  ///     others: the place to let MPI move messages.
  ///   - body: runs on any thread; `thread` is in `0..<threads`.
  public func forEach(
    _ count: Int, betweenItems: (() -> Void)? = nil,
    _ body: (_ item: Int, _ thread: Int) -> Void
  ) {
    let betweenItems = betweenItems ?? whileWorking
    if threads == 1 || count == 1 {
      for item in 0..<count {
        body(item, 0)
        betweenItems?()
      }
      return
    }
    guard count > 0 else { return }
    withoutActuallyEscaping(body) { share(count, betweenItems, $0) }
  }

  /// The same for a body that is made once and kept, so that a call takes no memory.
  public func callForEach(_ count: Int, _ keptBody: @escaping (_ item: Int, _ thread: Int) -> Void)
  {
    if threads == 1 || count <= 1 {
      for item in 0..<count { keptBody(item, 0) }
    } else {
      share(count, nil, keptBody)
    }
  }

  /// Has all threads take items until none is left.
  private func share(
    _ count: Int, _ betweenItems: (() -> Void)?, _ body: @escaping (Int, Int) -> Void
  ) {
    self.body = body
    itemCount = count
    next.store(0, ordering: .relaxed)
    working.store(threads - 1, ordering: .relaxed)
    announce()
    while let item = take(count) {
      body(item, 0)
      betweenItems?()
    }
    var waits = 0
    while working.load(ordering: .acquiring) > 0 {
      betweenItems?()
      waits += 1
      if waits > spins { sched_yield() } else { rf_pause() }
    }
    self.body = nil
  }

  /// The item of the call under way that a thread takes next; beyond the last one when none is left.
  var nextItem: Int { next.load(ordering: .relaxed) }

  private func take(_ count: Int) -> Int? {
    let item = next.wrappingAdd(1, ordering: .relaxed).oldValue
    return item < count ? item : nil
  }

  /// Work for workers that look for it needs no lock, which they would have to wait for.
  private func announce() {
    generation.wrappingAdd(1, ordering: .sequentiallyConsistent)
    guard sleeping.load(ordering: .sequentiallyConsistent) > 0 else { return }
    pthread_mutex_lock(mutex)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(mutex)
  }

  private func sleep(since seen: Int) {
    pthread_mutex_lock(mutex)
    sleeping.wrappingAdd(1, ordering: .sequentiallyConsistent)
    while generation.load(ordering: .sequentiallyConsistent) == seen {
      pthread_cond_wait(wake, mutex)
    }
    sleeping.wrappingSubtract(1, ordering: .relaxed)
    pthread_mutex_unlock(mutex)
  }

  private func work(as thread: Int) {
    var seen = 0
    while true {
      var looks = 0
      while generation.load(ordering: .acquiring) == seen, looks < spins {
        rf_pause()
        looks += 1
      }
      if generation.load(ordering: .acquiring) == seen { sleep(since: seen) }
      seen = generation.load(ordering: .acquiring)
      if isStopping.load(ordering: .acquiring) { return }
      workOnItems(as: thread)
      working.wrappingSubtract(1, ordering: .releasing)
    }
  }

  /// Not inlined, so that the worker's reference to `body` is gone before it says that it is done:
  /// what follows in `forEach` checks that none is left.
  @inline(never)
  private func workOnItems(as thread: Int) {
    let body = self.body!
    let count = itemCount
    while let item = take(count) { body(item, thread) }
  }
}

private final class WorkerStart {
  let team: Unmanaged<ThreadTeam>
  let thread: Int

  init(team: Unmanaged<ThreadTeam>, thread: Int) {
    self.team = team
    self.thread = thread
  }
}
