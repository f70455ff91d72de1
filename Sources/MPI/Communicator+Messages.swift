import CMPI
import CMPIShims

/// Messages from rank to rank. Those between the same two ranks with the same tag arrive in the
/// order in which they were sent. A message may exceed 2^31 bytes.
///
/// A message must be exactly as long as the memory for it; another length is an error. The receiver
/// must know the length all the same: some libraries (Open MPI 4.1 is one) find that a message is
/// too long only after they have written past the end.
extension Communicator {
  // Apart from all tags that a caller can use.
  static let gatherTag = Int32(largestTag + 1)

  /// Starts to send `bytes` to rank `destination`. The memory is borrowed until the request is
  /// complete.
  ///
  /// - Throws: `MPIError` of class `.rank` or `.tag` if there is no such rank, or the tag is not in
  ///   `0...largestTag`.
  ///
  /// The corresponding MPI function is `MPI_Isend`.
  public func startSend(
    _ bytes: UnsafeRawBufferPointer, to destination: Int, tag: Int
  ) throws -> PendingRequest {
    try startSend(
      bytes, to: checked(rank: destination, "MPI_Isend"), tag: checked(tag: tag, "MPI_Isend"))
  }

  /// Starts to receive a message of exactly `bytes.count` bytes from rank `source`. The memory is
  /// borrowed until the request is complete.
  ///
  /// - Throws: `MPIError` of class `.rank` or `.tag` if there is no such rank, or the tag is not in
  ///   `0...largestTag`.
  ///
  /// The corresponding MPI function is `MPI_Irecv`.
  public func startReceive(
    into bytes: UnsafeMutableRawBufferPointer, from source: Int, tag: Int
  ) throws -> PendingRequest {
    try startReceive(
      into: bytes, from: checked(rank: source, "MPI_Irecv"), tag: checked(tag: tag, "MPI_Irecv"))
  }

  /// Sends `bytes` to rank `destination`, and returns when the memory may be used again, which for
  /// a long message is not before the other rank receives it.
  ///
  /// - Throws: as `startSend(_:to:tag:)` does.
  ///
  /// The corresponding MPI function is `MPI_Isend`.
  public func send(_ bytes: UnsafeRawBufferPointer, to destination: Int, tag: Int) throws {
    try startSend(bytes, to: destination, tag: tag).wait()
  }

  /// Receives a message of exactly `bytes.count` bytes from rank `source`.
  ///
  /// - Throws: as `startReceive(into:from:tag:)` does, and `MPIError` of class `.truncate` if the
  ///   message has another length.
  ///
  /// The corresponding MPI function is `MPI_Irecv`.
  public func receive(
    into bytes: UnsafeMutableRawBufferPointer, from source: Int, tag: Int
  ) throws {
    try startReceive(into: bytes, from: source, tag: tag).wait()
  }

  /// Sends the elements to rank `destination`; see `send(_:to:tag:)`.
  ///
  /// The corresponding MPI function is `MPI_Isend`.
  public func send<Element: BitwiseCopyable>(
    array elements: [Element], to destination: Int, tag: Int
  ) throws {
    try elements.withUnsafeBytes { try send($0, to: destination, tag: tag) }
  }

  /// Receives exactly `count` elements from rank `source`; see `receive(into:from:tag:)`.
  ///
  /// The corresponding MPI function is `MPI_Irecv`.
  public func receive<Element: BitwiseCopyable>(
    arrayOf type: Element.Type = Element.self, count: Int, from source: Int, tag: Int
  ) throws -> [Element] {
    try received(count) { try receive(into: $0, from: source, tag: tag) }
  }

  func startSend(
    _ bytes: UnsafeRawBufferPointer, to destination: Int32, tag: Int32
  ) throws -> PendingRequest {
    try Datatype.withBytes(bytes.count) { count, datatype in
      var request = PendingRequest("MPI_Isend", of: self)
      try check(
        MPI_Isend(
          bytes.baseAddress, count, datatype, destination, tag, handle, &request.handle),
        "MPI_Isend")
      return request
    }
  }

  func startReceive(
    into bytes: UnsafeMutableRawBufferPointer, from source: Int32, tag: Int32
  ) throws -> PendingRequest {
    try Datatype.withBytes(bytes.count) { count, datatype in
      var request = PendingRequest("MPI_Irecv", of: self, expectedBytes: bytes.count)
      try check(
        MPI_Irecv(bytes.baseAddress, count, datatype, source, tag, handle, &request.handle),
        "MPI_Irecv")
      return request
    }
  }
}
