import Foundation
import MPI
import Synchronization

/// One process's part in the job: who it is among the ranks, and how the ranks end together.
///
/// What can be checked is checked by `onRoot` or `onEveryRank` before the work starts: then all
/// ranks throw the same `AgreedFailure`, rank 0 says it, and every rank leaves in order. What fails
/// later ends the job at once, by `abort`.
public final class Job {
  public let communicator: Communicator
  /// The ranks of this host.
  public let host: Communicator
  public var rank: Int { communicator.rank }
  public var isRoot: Bool { rank == 0 }
  /// From `startWatching` on.
  var heartbeat: Heartbeat?
  /// From `listenForInterruption` on.
  var interruption: Interruption?
  /// What to do when a signal has ended the job; read by another thread.
  public var adviceOnInterruption: String {
    get { advice.withLock { $0 } }
    set { advice.withLock { $0 = newValue } }
  }
  private let voice: Voice
  /// Whether rank 0 is on this rank's host, so that one of them speaks for both.
  let isBesideRoot: Bool
  private let advice = Mutex("nothing of it is saved, start the job again")
  private let describe: (any Error) -> Failure
  private let report: (Failure) -> Void

  /// A collective.
  ///
  /// - Parameters:
  ///   - communicator: of all ranks of the job.
  ///   - describe: what an error of any module means to the user.
  ///   - report: tells the user of a failure that ends the job, on any thread.
  /// - Throws: `MPIError`.
  public init(
    _ communicator: Communicator, describing describe: @escaping (any Error) -> Failure,
    reporting report: @escaping (Failure) -> Void
  ) throws {
    self.communicator = communicator
    self.describe = describe
    self.report = report
    host = try communicator.hostCommunicator()
    voice = try Voice(host: host)
    isBesideRoot = try host.allReduce(value: communicator.rank, .minimum) == 0
    communicator.whileWaiting = { [weak self] in self?.attend() }
  }

  /// What this rank does in every wait.
  private func attend() {
    do { try heartbeat?.tick() } catch { abort(error) }
    interruption?.poll()
  }

  /// Runs `body` on rank 0; every rank returns its result, or throws its failure.
  ///
  /// - Throws: `AgreedFailure`, `MPIError`.
  public func onRoot<Value: Codable>(_ body: () throws -> Value) throws -> Value {
    var verdict: Result<Value, Failure>?
    if isRoot { verdict = outcome(body) }
    let encoded = try broadcast(verdict.map { try JSONEncoder().encode(Verdict($0)) })
    return try JSONDecoder().decode(Verdict<Value>.self, from: encoded).result.mapError(
      AgreedFailure.init
    ).get()
  }

  /// The same for what has no result.
  public func runOnRoot(_ body: () throws -> Void) throws {
    _ = try onRoot { () -> Bool in
      try body()
      return true
    }
  }

  /// Runs `body` on every rank. If it fails anywhere, every rank throws the failure of the lowest
  /// such rank.
  ///
  /// - Throws: `AgreedFailure`, `MPIError`.
  public func onEveryRank<Value>(_ body: () throws -> Value) throws -> Value {
    let result = outcome(body)
    var failure: Failure?
    if case .failure(let own) = result { failure = own }
    let first = try communicator.allReduce(
      value: failure == nil ? communicator.size : rank, .minimum)
    if first < communicator.size {
      if rank == first, rank > 0, let own = failure {
        failure = Failure(
          own.exitCode, "rank \(rank) on \(MPIEnvironment.processorName): \(own.sentence)")
      }
      let encoded = try broadcast(
        rank == first ? try JSONEncoder().encode(failure) : nil, from: first)
      throw AgreedFailure(failure: try JSONDecoder().decode(Failure.self, from: encoded))
    }
    return try result.get()
  }

  private func outcome<Value>(_ body: () throws -> Value) -> Result<Value, Failure> {
    do { return .success(try body()) } catch { return .failure(describe(error)) }
  }

  private func broadcast(_ data: Data?, from root: Int = 0) throws -> Data {
    Data(try communicator.broadcast(array: [UInt8](data ?? Data()), from: root))
  }

  /// Gathers one value of each rank on rank 0; nil on the others.
  public func gather<Value: Codable>(_ value: Value) throws -> [Value]? {
    let encoded = [UInt8](try JSONEncoder().encode(value))
    return try communicator.gather(array: encoded, to: 0)?.map {
      try JSONDecoder().decode(Value.self, from: Data($0))
    }
  }

  /// Ends all ranks at once, with one message that names this rank and where in its work it is.
  public func abort(_ error: any Error) -> Never {
    let failure = describe(error)
    let place = "rank \(rank) on \(MPIEnvironment.processorName), in \(WorkLocation.current)"
    end(Failure(failure.exitCode, "\(place): \(failure.sentence)"))
  }

  /// Tells the user of a failure, unless another rank of this host has told of one.
  ///
  /// - Returns: whether it did.
  @discardableResult public func tell(_ failure: Failure) -> Bool {
    let isFirst = voice.claim()
    if isFirst { report(failure) }
    return isFirst
  }

  /// Ends all ranks at once, with this message.
  public func end(_ failure: Failure) -> Never {
    tell(failure)
    communicator.abort(code: failure.exitCode.rawValue)
  }
}

private struct Verdict<Value: Codable>: Codable {
  let value: Value?
  let failure: Failure?

  init(_ result: Result<Value, Failure>) {
    switch result {
    case .success(let value): (self.value, failure) = (value, nil)
    case .failure(let failure): (value, self.failure) = (nil, failure)
    }
  }

  var result: Result<Value, Failure> {
    value.map { .success($0) } ?? .failure(failure!)
  }
}
