import CMPI
import CMPIShims

/// Messages made of equally large blocks: sent from wherever they lie in one region of memory, and
/// received one after the other. Nothing is copied on the way to MPI, and a message may exceed 2^31
/// bytes.
extension Communicator {
  /// Starts to send, as one message, the blocks numbered `blocks` of the region at `base`, in this
  /// order. The region is borrowed until the request is complete.
  ///
  /// - Parameters:
  ///   - base: `[blocks of the region][blockBytes]`.
  ///   - blockBytes: the size of a block, 1 to 2^31 − 1 bytes.
  ///   - blocks: indices of blocks from `base`; none make an empty message.
  /// - Throws: `MPIError` of class `.rank` or `.tag` if there is no such rank, or the tag is not in
  ///   `0...largestTag`.
  ///
  /// The corresponding MPI function is `MPI_Isend`, with a datatype made by
  /// `MPI_Type_create_hindexed_block`.
  public func startSendBlocks(
    base: UnsafeRawPointer, blockBytes: Int, blocks: [Int], to destination: Int, tag: Int
  ) throws -> PendingRequest {
    let destination = try checked(rank: destination, "MPI_Isend")
    let tag = try checked(tag: tag, "MPI_Isend")
    let message = try Datatype(blocks: blocks, blockBytes: blockBytes)
    var request = PendingRequest("MPI_Isend", of: self)
    try check(
      MPI_Isend(base, 1, message.handle, destination, tag, handle, &request.handle), "MPI_Isend")
    return request
  }

  /// Starts to receive a message of exactly `count` blocks. The memory is borrowed until the
  /// request is complete.
  ///
  /// - Parameters:
  ///   - base: room for `[count][blockBytes]`, which is how the blocks arrive.
  ///   - blockBytes: the size of a block, 1 to 2^31 − 1 bytes.
  /// - Throws: as `startSendBlocks` does; the request throws `MPIError` of class `.truncate` if the
  ///   message has another length.
  ///
  /// The corresponding MPI function is `MPI_Irecv`, with a datatype made by `MPI_Type_contiguous`.
  public func startReceiveBlocks(
    into base: UnsafeMutableRawPointer, blockBytes: Int, count: Int, from source: Int, tag: Int
  ) throws -> PendingRequest {
    let source = try checked(rank: source, "MPI_Irecv")
    let tag = try checked(tag: tag, "MPI_Irecv")
    let block = try Datatype(blockBytes: blockBytes)
    var request = PendingRequest(
      "MPI_Irecv", of: self, expectedBytes: count * blockBytes)
    try check(
      MPI_Irecv(base, mpiCount(count), block.handle, source, tag, handle, &request.handle),
      "MPI_Irecv")
    return request
  }
}
