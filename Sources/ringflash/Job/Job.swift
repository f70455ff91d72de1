import Foundation
import Inference
import MPI
import Reporting
import RingAttention

/// One process's part in the job: who it is among the ranks, and how the ranks end together.
///
/// What can be checked is checked by `onRoot` or `onEveryRank` before the work starts: then all
/// ranks throw the same `AgreedFailure`, rank 0 says it, and every rank leaves in order. What fails
/// later ends the job at once, by `abort`.
final class Job {
  let communicator: Communicator
  /// The ranks of this host.
  let host: Communicator
  var rank: Int { communicator.rank }
  var isRoot: Bool { rank == 0 }
  /// Of `startWatching`, and of `interruption()`, once they were called.
  var heartbeat: Heartbeat?
  var noted: Interruption?
  /// Of `modelIdentity(of:team:)`.
  var identity: ModelIdentity?

  init(_ communicator: Communicator) throws {
    self.communicator = communicator
    host = try communicator.hostCommunicator()
  }

  /// Runs `body` on rank 0; every rank returns its result, or throws its failure.
  ///
  /// - Throws: `AgreedFailure`, `MPIError`.
  func onRoot<Value: Codable>(_ body: () throws -> Value) throws -> Value {
    var verdict: Result<Value, Failure>?
    if isRoot { verdict = outcome(body) }
    let encoded = try broadcast(verdict.map { try JSONEncoder().encode(Verdict($0)) })
    return try JSONDecoder().decode(Verdict<Value>.self, from: encoded).result.mapError(
      AgreedFailure.init
    ).get()
  }

  /// The same for what has no result.
  func runOnRoot(_ body: () throws -> Void) throws {
    _ = try onRoot { () -> Bool in
      try body()
      return true
    }
  }

  /// Runs `body` on every rank. If it fails anywhere, every rank throws the failure of the lowest
  /// such rank.
  ///
  /// - Throws: `AgreedFailure`, `MPIError`.
  func onEveryRank<Value>(_ body: () throws -> Value) throws -> Value {
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

  /// Runs `body` on every rank; a failure of its listeners on rank 0 is every rank's.
  ///
  /// - Throws: `AgreedFailure`, `MPIError`.
  func listening<Value>(_ body: () throws -> Value) throws -> Value {
    do {
      return try body()
    } catch SessionError.listenerFailed(let error) {
      try runOnRoot { throw error }
    } catch SessionError.abandoned {
      try runOnRoot {}
    }
    preconditionFailure("a failure on rank 0 is every rank's")
  }

  private func outcome<Value>(_ body: () throws -> Value) -> Result<Value, Failure> {
    do { return .success(try body()) } catch { return .failure(Failure(error)) }
  }

  private func broadcast(_ data: Data?, from root: Int = 0) throws -> Data {
    Data(try communicator.broadcast(array: [UInt8](data ?? Data()), from: root))
  }

  /// Gathers one value of each rank on rank 0; nil on the others.
  func gather<Value: Codable>(_ value: Value) throws -> [Value]? {
    let encoded = [UInt8](try JSONEncoder().encode(value))
    return try communicator.gather(array: encoded, to: 0)?.map {
      try JSONDecoder().decode(Value.self, from: Data($0))
    }
  }

  /// Ends all ranks at once, with one message that names this rank.
  func abort(_ error: any Error, during stage: String) -> Never {
    let failure = Failure(error)
    let place = "rank \(rank) on \(MPIEnvironment.processorName), \(stage)"
    end(Failure(failure.exitCode, "\(place): \(failure.sentence)"))
  }

  /// Ends all ranks at once, with this message.
  func end(_ failure: Failure) -> Never {
    StandardError.write(failure.message + "\n")
    communicator.abort(code: failure.exitCode.rawValue)
  }
}

/// A failure that every rank knows of, so that all leave in order.
struct AgreedFailure: Error {
  let failure: Failure
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
