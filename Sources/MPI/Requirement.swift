/// Traps with `message` unless `condition` holds. `precondition` does not show its message in a
/// release build.
@inline(__always)
func require(_ condition: Bool, _ message: @autoclosure () -> String) {
  if !condition { fatalError(message()) }
}

/// `count` as MPI 3 counts, in 32 bits.
func mpiCount(_ count: Int) -> Int32 {
  require((0...Int(Int32.max)).contains(count), "a count of \(count) is not in 0...2^31-1")
  return Int32(count)
}
