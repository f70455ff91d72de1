/// Traps with `message` unless `condition` holds. `precondition` does not show its message in a release build.
@inline(__always)
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
  if !condition { fatalError(message()) }
}
