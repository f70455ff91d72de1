/// What MPI's thread does beside its work, the same for a communicator and all that are made from
/// it: called in every wait, and by `Communicator.tick()` in what takes long without a wait.
final class Watch {
  var whileWaiting: (() -> Void)?
  var place = Place()
  private var isAtWork = false

  /// Not from within itself: what is called may call MPI.
  @inline(__always)
  func tick() {
    guard let whileWaiting, !isAtWork else { return }
    isAtWork = true
    whileWaiting()
    isAtWork = false
  }
}
