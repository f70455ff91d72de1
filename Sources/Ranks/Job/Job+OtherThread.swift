import Foundation
import Kernels

extension Job {
  /// What parses deeply nested text needs.
  private static let otherThreadStackBytes = 64 << 20

  /// Runs what may take long and calls no MPI, such as reading from a pipe, on another thread, while
  /// this one gives signs of life.
  ///
  /// - Throws: what `body` throws.
  public func onAnotherThread<Value>(_ body: @escaping () throws -> Value) throws -> Value {
    let isDone = DispatchSemaphore(value: 0)
    var result: Result<Value, any Error>?
    Self.startThread {
      result = Result { try body() }
      isDone.signal()
    }
    while isDone.wait(timeout: .now() + .milliseconds(20)) == .timedOut { communicator.tick() }
    return try result!.get()
  }

  /// Foundation's own threads say nothing where the system refuses one.
  static func startThread(_ body: @escaping () -> Void) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, otherThreadStackBytes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let status = pthread_create(
      &thread, &attributes,
      { argument in
        Unmanaged<ThreadBody>.fromOpaque(argument!).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(ThreadBody(run: body)).toOpaque())
    guard status == 0 else {
      MemoryExhaustion.end("a thread could not be started (\(String(cString: strerror(status))))")
    }
  }
}

private final class ThreadBody {
  let run: () -> Void

  init(run: @escaping () -> Void) { self.run = run }
}
