import Synchronization

extension Session {
  /// Calls `body` with each index, on all of this rank's threads.
  ///
  /// - Parameter onProgress: told, by the calling thread, which part is done.
  /// - Throws: what `body` throws for the first of the indices for which it throws.
  func forEachItem(
    of indices: Range<Int>, onProgress: ((_ fraction: Double) -> Void)? = nil,
    _ body: (Int) throws -> Void
  ) throws {
    let count = indices.count
    let failure = Mutex<(index: Int, error: any Error)?>(nil)
    let done = Atomic<Int>(0)
    func betweenItems() {
      communicator.tick()
      onProgress?(Double(done.load(ordering: .relaxed)) / Double(count))
    }
    context.team.forEach(count, betweenItems: betweenItems) { item, _ in
      let index = indices.lowerBound + item
      do {
        try body(index)
      } catch {
        failure.withLock { first in
          if first.map({ index < $0.index }) ?? true { first = (index, error) }
        }
      }
      done.wrappingAdd(1, ordering: .relaxed)
    }
    if let failure = failure.withLock({ $0 }) { throw failure.error }
  }
}
