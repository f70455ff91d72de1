import Foundation

// A process is one rank and MPI's thread does its work, so there is one location in a process. Any
// thread may read it: memory is also refused to the threads of a team.

/// Where in its work a rank is, so that a message can name it: a stage of the job, and in it what is
/// counted, the larger part first.
///
/// It is said by scopes, each by whoever knows it. A scope that ends well goes back to where the rank
/// was before; one that an error leaves stays, because the error's message names it.
public struct WorkLocation: Sendable {
  // A `Mutex` that is a static property loses its first value in optimized builds by Swift 6.3.
  private static let lock = NSLock()
  nonisolated(unsafe) private static var state = WorkLocation(stage: "start")  // guarded by `lock`

  /// Where this rank is now; for any thread.
  public static var current: WorkLocation { lock.withLock { state } }

  private typealias Part = (name: StaticString, number: Int)

  private let stage: StaticString
  /// A part of the stage, and a part of that one. No array, because a step of generation allocates
  /// nothing.
  private var outerPart: Part?
  private var innerPart: Part?

  private init(stage: StaticString) { self.stage = stage }

  /// Does `body` in a stage such as "prefill".
  public static func within<Result>(
    stage: StaticString, _ body: () throws -> Result
  ) rethrows -> Result {
    try within(WorkLocation(stage: stage), body)
  }

  /// Does `body` in a part of the stage, or of a larger part of it, such as layer 5. A part of a part
  /// of a part is named without the one around it.
  ///
  /// - Parameter number: counted from 1.
  public static func within<Result>(
    _ part: StaticString, _ number: Int, _ body: () throws -> Result
  ) rethrows -> Result {
    var inner = current
    if inner.outerPart == nil {
      inner.outerPart = (part, number)
    } else {
      inner.innerPart = (part, number)
    }
    return try within(inner, body)
  }

  private static func within<Result>(
    _ inner: WorkLocation, _ body: () throws -> Result
  ) rethrows -> Result {
    let outer = current
    lock.withLock { state = inner }
    let result = try body()
    lock.withLock { state = outer }
    return result
  }
}

extension WorkLocation: CustomStringConvertible {
  /// Such as "layer 5, hop 2 of the prefill".
  public var description: String {
    let parts = [outerPart, innerPart].compactMap { $0 }.map { "\($0.name) \($0.number)" }
    return parts.isEmpty ? "the \(stage)" : "\(parts.joined(separator: ", ")) of the \(stage)"
  }
}
