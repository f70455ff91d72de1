/// A heap of numbers that gives the smallest first, in memory of a fixed size. Each node has four
/// children, which share a cache line more often than two.
struct CandidateHeap: ~Copyable {
  /// The children of `[i]` are `[4i + 1]` to `[4i + 4]`; no child is smaller than its parent.
  private let elements: UnsafeMutablePointer<UInt64>
  private let capacity: Int
  private var count = 0

  init(capacity: Int) {
    self.capacity = capacity
    elements = .allocate(capacity: capacity)
  }

  deinit {
    elements.deallocate()
  }

  /// Puts a number where it does not yet belong; `arrange` is to follow.
  mutating func append(_ element: UInt64) {
    precondition(count < capacity)
    elements[count] = element
    count += 1
  }

  mutating func arrange() {
    if count < 2 { return }
    for index in stride(from: (count - 2) / 4, through: 0, by: -1) { sink(elements[index], index) }
  }

  mutating func insert(_ element: UInt64) {
    precondition(count < capacity)
    var index = count
    count += 1
    while index > 0, elements[(index - 1) / 4] > element {
      elements[index] = elements[(index - 1) / 4]
      index = (index - 1) / 4
    }
    elements[index] = element
  }

  mutating func removeSmallest() -> UInt64? {
    if count == 0 { return nil }
    let smallest = elements[0]
    count -= 1
    if count > 0 { sink(elements[count], 0) }
    return smallest
  }

  /// Puts `element` at `start` or below, where it belongs.
  private func sink(_ element: UInt64, _ start: Int) {
    var index = start
    while true {
      let first = 4 * index + 1
      if first >= count { break }
      var child = first
      for other in (first + 1)..<max(first + 1, min(first + 4, count))
      where elements[other] < elements[child] {
        child = other
      }
      if elements[child] >= element { break }
      elements[index] = elements[child]
      index = child
    }
    elements[index] = element
  }
}
