/// A binary heap that gives the smallest number first.
struct MinimumHeap {
  /// The children of `[i]` are `[2i + 1]` and `[2i + 2]`; no child is smaller than its parent.
  private var elements: [UInt64]

  init(_ elements: [UInt64]) {
    self.elements = elements
    for index in stride(from: elements.count / 2 - 1, through: 0, by: -1) { sink(index) }
  }

  mutating func insert(_ element: UInt64) {
    var index = elements.count
    elements.append(element)
    while index > 0, elements[(index - 1) / 2] > element {
      elements[index] = elements[(index - 1) / 2]
      index = (index - 1) / 2
    }
    elements[index] = element
  }

  mutating func removeSmallest() -> UInt64? {
    guard let smallest = elements.first, let last = elements.popLast() else { return nil }
    if !elements.isEmpty {
      elements[0] = last
      sink(0)
    }
    return smallest
  }

  /// Moves the element at `start` down to where it belongs.
  private mutating func sink(_ start: Int) {
    let element = elements[start]
    var index = start
    while true {
      var child = 2 * index + 1
      if child >= elements.count { break }
      if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
      if elements[child] >= element { break }
      elements[index] = elements[child]
      index = child
    }
    elements[index] = element
  }
}
