import CMPI
import CMPIShims

/// An MPI datatype of our own making. It may end as soon as the calls that use it have been
/// started: MPI keeps what it still needs.
struct Datatype: ~Copyable {
  // A message of one plain datatype has a count of 32 bits. Longer ones are made of pieces this
  // long.
  private static let pieceBytes = 1 << 30

  private(set) var handle = rf_mpi_datatype_null()

  deinit {
    guard handle != rf_mpi_datatype_null(), MPIEnvironment.isInitialized else { return }
    var handle = handle
    let code = MPI_Type_free(&handle)
    require(code == MPI_SUCCESS, "MPI_Type_free failed with code \(code)")
  }

  /// One element of `bytes` bytes, which MPI moves and reduces whole.
  ///
  /// The corresponding MPI function is `MPI_Type_contiguous`.
  init(elementBytes bytes: Int) throws {
    // Made of words where possible, so that MPI aligns its temporary copies for a user-defined
    // reduction.
    let isWords = bytes % 8 == 0
    try check(
      MPI_Type_contiguous(
        Int32(isWords ? bytes / 8 : bytes), isWords ? rf_mpi_int64() : rf_mpi_byte(), &handle),
      "MPI_Type_contiguous")
    try commit()
  }

  /// A block of `bytes` bytes.
  ///
  /// The corresponding MPI function is `MPI_Type_contiguous`.
  init(blockBytes bytes: Int) throws {
    require(
      bytes > 0 && bytes <= Int32.max, "a block of \(bytes) bytes is not in 1...2^31-1")
    try check(MPI_Type_contiguous(Int32(bytes), rf_mpi_byte(), &handle), "MPI_Type_contiguous")
    try commit()
  }

  /// The blocks numbered `indices` of a region, in this order.
  ///
  /// The corresponding MPI function is `MPI_Type_create_hindexed_block`.
  init(blocks indices: [Int], blockBytes: Int) throws {
    let block = try Datatype(blockBytes: blockBytes)
    let displacements: [MPI_Aint] = indices.map { $0 * blockBytes }
    try check(
      MPI_Type_create_hindexed_block(
        mpiCount(indices.count), 1, displacements, block.handle, &handle),
      "MPI_Type_create_hindexed_block")
    try commit()
  }

  /// All of a message of `bytes` bytes, of any length.
  ///
  /// The corresponding MPI function is `MPI_Type_create_struct`.
  init(messageBytes bytes: Int) throws {
    let piece = try Datatype(blockBytes: Self.pieceBytes)
    let (pieces, rest) = bytes.quotientAndRemainder(dividingBy: Self.pieceBytes)
    try check(
      MPI_Type_create_struct(
        2, [Int32(pieces), Int32(rest)], [0, pieces * Self.pieceBytes],
        [piece.handle, rf_mpi_byte()], &handle),
      "MPI_Type_create_struct")
    try commit()
  }

  private mutating func commit() throws {
    try check(MPI_Type_commit(&handle), "MPI_Type_commit")
  }

  /// Calls `body` with a count and a datatype that together stand for `bytes` bytes in a row.
  static func withBytes<Result: ~Copyable>(
    _ bytes: Int, _ body: (Int32, MPI_Datatype) throws -> Result
  ) throws -> Result {
    if let count = Int32(exactly: bytes) { return try body(count, rf_mpi_byte()) }
    let message = try Datatype(messageBytes: bytes)
    let datatype: MPI_Datatype! = message.handle
    return try body(1, datatype)
  }
}
