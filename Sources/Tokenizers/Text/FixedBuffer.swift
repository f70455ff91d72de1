/// Plain memory of a fixed size that lives as long as its owner. It is written while its owner is
/// set up, and shared by threads only for reading.
final class FixedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
  let count: Int
  let elements: UnsafeMutablePointer<Element>

  init(repeating element: Element, count: Int) {
    self.count = count
    elements = .allocate(capacity: max(1, count))
    elements.initialize(repeating: element, count: count)
  }

  deinit {
    elements.deallocate()
  }

  subscript(index: Int) -> Element {
    @inline(__always) get { elements[index] }
    @inline(__always) set { elements[index] = newValue }
  }
}
