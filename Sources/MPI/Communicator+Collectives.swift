import CMPI
import CMPIShims

extension Communicator {
  /// Returns once every rank has called it.
  ///
  /// The corresponding MPI function is `MPI_Ibarrier`.
  public func barrier() throws {
    try complete("MPI_Ibarrier") { MPI_Ibarrier(handle, &$0.handle) }
  }

  // MARK: Broadcast

  /// Copies the root's bytes to every rank. All give memory of the same length, which may exceed
  /// 2^31 bytes.
  ///
  /// - Throws: `MPIError` of class `.root` if there is no such rank.
  ///
  /// The corresponding MPI function is `MPI_Ibcast`.
  public func broadcast(bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
    let root = try checked(rank: root, "MPI_Ibcast", or: .root)
    // In pieces of plain bytes, because MPI libraries pipeline those, and move a datatype's element
    // as a whole.
    let pieceBytes = 1 << 30
    for start in stride(from: 0, to: bytes.count, by: pieceBytes) {
      let piece = bytes[start..<min(start + pieceBytes, bytes.count)]
      let base = UnsafeMutableRawBufferPointer(rebasing: piece).baseAddress
      try complete("MPI_Ibcast") {
        MPI_Ibcast(base, Int32(piece.count), rf_mpi_byte(), root, handle, &$0.handle)
      }
    }
  }

  /// The root's `value`, on every rank; what the others give does not matter.
  ///
  /// - Throws: `MPIError` of class `.root` if there is no such rank.
  ///
  /// The corresponding MPI function is `MPI_Ibcast`.
  public func broadcast<Value: BitwiseCopyable>(value: Value, from root: Int) throws -> Value {
    var value = value
    try withUnsafeMutableBytes(of: &value) { try broadcast(bytes: $0, from: root) }
    return value
  }

  /// The root's `array`, on every rank; what the others give, and its length, does not matter.
  ///
  /// - Throws: `MPIError` of class `.root` if there is no such rank.
  ///
  /// The corresponding MPI function is `MPI_Ibcast`.
  public func broadcast<Element: BitwiseCopyable>(
    array: [Element], from root: Int
  ) throws -> [Element] {
    let count = try broadcast(value: array.count, from: root)
    if rank != root { return try received(count) { try broadcast(bytes: $0, from: root) } }
    // Sending does not write, so the array itself can be the root's memory.
    try array.withUnsafeBytes {
      try broadcast(bytes: UnsafeMutableRawBufferPointer(mutating: $0), from: root)
    }
    return array
  }

  // MARK: Gather

  /// Collects equally many bytes of every rank on the root.
  ///
  /// - Parameters:
  ///   - bytes: this rank's; the same length everywhere, which may exceed 2^31 bytes.
  ///   - all: room for `[size][bytes.count]` on the root; not used elsewhere.
  /// - Throws: `MPIError` of class `.root` if there is no such rank.
  ///
  /// The corresponding MPI function is `MPI_Igather`.
  public func gather(
    bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer, to root: Int
  ) throws {
    let receiver = try checked(rank: root, "MPI_Igather", or: .root)
    require(
      rank != root || all.count == size * bytes.count,
      "gather needs \(size) × \(bytes.count) bytes on the root, not \(all.count)")
    try Datatype.withBytes(bytes.count) { count, datatype in
      try complete("MPI_Igather") {
        MPI_Igather(
          bytes.baseAddress, count, datatype, all.baseAddress, count, datatype, receiver, handle,
          &$0.handle)
      }
    }
  }

  /// Every rank's `value`, in the order of the ranks, on the root; nil elsewhere.
  ///
  /// - Throws: `MPIError` of class `.root` if there is no such rank.
  ///
  /// The corresponding MPI function is `MPI_Igather`.
  public func gather<Value: BitwiseCopyable>(value: Value, to root: Int) throws -> [Value]? {
    try [value].withUnsafeBytes { bytes in
      guard rank == root else {
        try gather(
          bytes: bytes, into: UnsafeMutableRawBufferPointer(start: nil, count: 0), to: root)
        return nil
      }
      return try received(size) { try gather(bytes: bytes, into: $0, to: root) }
    }
  }

  /// Every rank's `array`, of any length, in the order of the ranks, on the root; nil elsewhere.
  ///
  /// - Throws: `MPIError` of class `.root` if there is no such rank.
  ///
  /// The corresponding MPI functions are `MPI_Igather` for the lengths, and `MPI_Isend` and
  /// `MPI_Irecv` for the arrays, because `MPI_Igatherv` ends at 2^31 elements.
  public func gather<Element: BitwiseCopyable>(
    array: [Element], to root: Int
  ) throws -> [[Element]]? {
    guard let counts = try gather(value: array.count, to: root) else {
      try array.withUnsafeBytes {
        try startSend($0, to: Int32(root), tag: Self.gatherTag).wait()
      }
      return nil
    }
    return try counts.enumerated().map { source, count in
      if source == root { return array }
      return try received(count) {
        try startReceive(into: $0, from: Int32(source), tag: Self.gatherTag).wait()
      }
    }
  }

  // MARK: Gather to all

  /// Collects equally many bytes of every rank on every rank.
  ///
  /// - Parameters:
  ///   - bytes: this rank's; the same length everywhere, which may exceed 2^31 bytes.
  ///   - all: room for `[size][bytes.count]`, apart from `bytes`.
  ///
  /// The corresponding MPI function is `MPI_Iallgather`.
  public func allGather(
    bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer
  ) throws {
    require(
      all.count == size * bytes.count,
      "allGather needs \(size) × \(bytes.count) bytes, not \(all.count)")
    try Datatype.withBytes(bytes.count) { count, datatype in
      try complete("MPI_Iallgather") {
        MPI_Iallgather(
          bytes.baseAddress, count, datatype, all.baseAddress, count, datatype, handle, &$0.handle)
      }
    }
  }

  /// Every rank's `value`, in the order of the ranks, on every rank.
  ///
  /// The corresponding MPI function is `MPI_Iallgather`.
  public func allGather<Value: BitwiseCopyable>(value: Value) throws -> [Value] {
    try [value].withUnsafeBytes { bytes in
      try received(size) { try allGather(bytes: bytes, into: $0) }
    }
  }

  // MARK: Common parts

  /// Starts a collective through the request's handle, and waits for it.
  func complete(_ routine: StaticString, _ start: (inout PendingRequest) -> Int32) throws {
    var request = PendingRequest(routine, of: self)
    try check(start(&request), routine)
    try request.wait()
  }

  /// An array of `count` elements, whose memory `receive` fills.
  func received<Element: BitwiseCopyable>(
    _ count: Int, _ receive: (UnsafeMutableRawBufferPointer) throws -> Void
  ) throws -> [Element] {
    try [Element](unsafeUninitializedCapacity: count) { elements, initializedCount in
      try receive(
        UnsafeMutableRawBufferPointer(
          start: elements.baseAddress, count: count * MemoryLayout<Element>.stride))
      initializedCount = count
    }
  }
}
