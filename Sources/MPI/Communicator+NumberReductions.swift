import CMPI
import CMPIShims

/// How the ranks' numbers become one.
public enum NumberReduction: String, Hashable, Sendable, CaseIterable {
  case sum, minimum, maximum

  var handle: MPI_Op {
    switch self {
    case .sum: rf_mpi_sum()
    case .minimum: rf_mpi_min()
    case .maximum: rf_mpi_max()
    }
  }
}

/// A sum of floating-point numbers depends in its last bits on the number of ranks and on the MPI
/// library.
extension Communicator {
  /// The sum, minimum or maximum of the ranks' values, on every rank.
  ///
  /// The corresponding MPI function is `MPI_Iallreduce`.
  public func allReduce(value: Int, _ reduction: NumberReduction) throws -> Int {
    var value = value
    try withUnsafeMutablePointer(to: &value) {
      try allReduce(values: UnsafeMutableBufferPointer(start: $0, count: 1), reduction)
    }
    return value
  }

  /// The sum, minimum or maximum of the ranks' values, on every rank.
  ///
  /// The corresponding MPI function is `MPI_Iallreduce`.
  public func allReduce(value: Double, _ reduction: NumberReduction) throws -> Double {
    var value = value
    try withUnsafeMutablePointer(to: &value) {
      try allReduce(values: UnsafeMutableBufferPointer(start: $0, count: 1), reduction)
    }
    return value
  }

  /// The sums, minima or maxima of the ranks' values, one by one; they replace the values on every
  /// rank.
  ///
  /// - Parameter values: equally many on every rank, at most 2^31 − 1.
  ///
  /// The corresponding MPI function is `MPI_Iallreduce`.
  public func allReduce(
    values: UnsafeMutableBufferPointer<Int>, _ reduction: NumberReduction
  ) throws {
    try allReduce(values.baseAddress, values.count, rf_mpi_int64(), reduction)
  }

  /// The sums, minima or maxima of the ranks' values, one by one; they replace the values on every
  /// rank.
  ///
  /// - Parameter values: equally many on every rank, at most 2^31 − 1.
  ///
  /// The corresponding MPI function is `MPI_Iallreduce`.
  public func allReduce(
    values: UnsafeMutableBufferPointer<Double>, _ reduction: NumberReduction
  ) throws {
    try allReduce(values.baseAddress, values.count, rf_mpi_double(), reduction)
  }

  /// Starts to replace the values on every rank by the ranks' sums, minima or maxima, one by one.
  /// The memory is borrowed until the request is complete.
  ///
  /// - Parameter values: equally many on every rank, at most 2^31 − 1.
  ///
  /// The corresponding MPI function is `MPI_Iallreduce`.
  public func startAllReduce(
    values: UnsafeMutableBufferPointer<Int>, _ reduction: NumberReduction
  ) throws -> PendingRequest {
    var request = PendingRequest("MPI_Iallreduce", of: self)
    try check(
      MPI_Iallreduce(
        rf_mpi_in_place(), values.baseAddress, mpiCount(values.count), rf_mpi_int64(),
        reduction.handle, handle, &request.handle),
      "MPI_Iallreduce")
    return request
  }

  private func allReduce(
    _ base: UnsafeMutableRawPointer?, _ count: Int, _ datatype: MPI_Datatype!,
    _ reduction: NumberReduction
  ) throws {
    try complete("MPI_Iallreduce") {
      MPI_Iallreduce(
        rf_mpi_in_place(), base, mpiCount(count), datatype, reduction.handle, handle, &$0.handle)
    }
  }
}
