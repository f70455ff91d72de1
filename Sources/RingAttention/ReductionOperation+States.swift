import Kernels
import MPI

extension ReductionOperation {
  /// The merge of softmax states: an element is one row.
  ///
  /// - Throws: `MPIError`.
  convenience init(merging states: SoftmaxStateLayout) throws {
    try self.init(
      elementBytes: states.rowElements * 8,
      states.isCompensated ? mergeCompensated : mergePlain)
  }
}

// A row's head dimension follows from its size; a C function captures nothing, so there is one for
// each kind of row.

private let mergePlain: ReductionOperation.Function = {
  mergeRows($0, $1, $2, $3, isCompensated: false)
}

private let mergeCompensated: ReductionOperation.Function = {
  mergeRows($0, $1, $2, $3, isCompensated: true)
}

private func mergeRows(
  _ incoming: UnsafeMutableRawPointer?, _ accumulated: UnsafeMutableRawPointer?,
  _ count: UnsafeMutablePointer<Int32>?, _ datatype: UnsafeMutableRawPointer?, isCompensated: Bool
) {
  let rowElements = ReductionOperation.elementBytes(datatype) / MemoryLayout<Double>.stride
  let empty = SoftmaxStateLayout(headDimension: 0, isCompensated: isCompensated)
  let layout = SoftmaxStateLayout(
    headDimension: (rowElements - empty.rowElements) / (isCompensated ? 2 : 1),
    isCompensated: isCompensated)
  let rows = incoming!.assumingMemoryBound(to: Double.self)
  let states = accumulated!.assumingMemoryBound(to: Double.self)
  for row in 0..<Int(count!.pointee) {
    layout.merge(rows + row * rowElements, into: states + row * rowElements)
  }
}
