import CSystemShims
import Foundation

/// Bytes of stack that the program and MPI's threads are made for: what systems give as a rule.
private let enoughStack = 8 << 20

/// Calls `body` with a stack of the usual size, also where the limit on stacks (`ulimit -s`) is lower:
/// with the limit raised as far as the system lets it be, or else on a thread with a stack of its own,
/// which that limit is not about.
package func withEnoughStack(_ body: @escaping () -> Never) -> Never {
  let kind = __rlimit_resource_t(RLIMIT_STACK.rawValue)
  var limit = rlimit()
  guard getrlimit(kind, &limit) == 0, limit.rlim_cur < enoughStack else { body() }
  // The first thread's stack grows up to the present limit; and so does that of MPI's daemon.
  limit.rlim_cur = min(limit.rlim_max, rlim_t(enoughStack))
  let isRaised = setrlimit(kind, &limit) == 0 && limit.rlim_cur >= enoughStack
  // What threads get that MPI and the system's libraries start.
  guard rf_set_default_stack(enoughStack) == 0, !isRaised else { body() }
  var thread = pthread_t()
  let status = pthread_create(
    &thread, nil,
    { argument in
      let body = Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue()
      body.run()
    }, Unmanaged.passRetained(Body(run: body)).toOpaque())
  // Without room for it there is only the stack that is there.
  guard status == 0 else { body() }
  while true { pause() }
}

private final class Body {
  let run: () -> Never

  init(run: @escaping () -> Never) { self.run = run }
}
