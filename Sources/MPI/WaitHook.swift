/// What MPI's thread does beside its work, the same for a communicator and all that are made from
/// it: called in every wait, and by `Communicator.tick()` in what takes long without a wait.
final class WaitHook {
  var whileWaiting: (() -> Void)?
  private var isBeingCalled = false

  /// Not from within itself: what is called may call MPI.
  @inline(__always)
  func call() {
    guard let whileWaiting, !isBeingCalled else { return }
    isBeingCalled = true
    whileWaiting()
    isBeingCalled = false
  }
}
