import Kernels

/// One rank's rows of the residual stream, float32, and where a prefill that may be interrupted keeps
/// what they were before the last layer that changed them.
final class ResidualStream {
  struct Plan: Sendable {
    fileprivate let hiddenSize: Int
    fileprivate let rows: BufferPlan.Slot<Float>
    fileprivate let buffers: BufferPlan
    var bytes: Int { buffers.bytes }

    init(tokens: Int, hiddenSize: Int) {
      self.hiddenSize = hiddenSize
      var plan = BufferPlan()
      rows = plan.add(tokens, hiddenSize)
      buffers = plan
    }
  }

  private let plan: Plan
  private let memory: Buffers

  init(_ plan: Plan) {
    self.plan = plan
    memory = Buffers(plan.buffers)
  }

  /// Where a row begins, `[hiddenSize]`.
  func row(_ index: Int) -> UnsafeMutablePointer<Float> {
    memory[plan.rows] + index * plan.hiddenSize
  }

  /// `[count][hiddenSize]` as bytes.
  func bytes(ofRows first: Int, count: Int) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(
      UnsafeMutableBufferPointer(start: row(first), count: count * plan.hiddenSize))
  }

  /// Copies the first `count` rows from `first` on of another stream of the same plan.
  func copyRows(first: Int, count: Int, from other: ResidualStream, _ team: ThreadTeam) {
    let rows = 64
    team.forEach((count + rows - 1) / rows) { item, _ in
      let begin = first + item * rows
      row(begin).update(
        from: other.row(begin), count: min(rows, first + count - begin) * plan.hiddenSize)
    }
  }
}
