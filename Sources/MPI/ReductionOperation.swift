import CMPI
import CMPIShims

/// A user-defined reduction on elements of a fixed number of bytes. MPI may hand it any number of
/// elements at a time, and never a part of one.
public final class ReductionOperation {
  /// Combines elements of two ranks: `accumulated[i] = incoming[i] ∘ accumulated[i]`, where
  /// `incoming` comes from the lower ranks. A C function: it captures nothing, and learns the size
  /// of an element by `ReductionOperation.elementBytes(_:)`. The arguments are never nil:
  ///
  /// - `incoming`, `accumulated`: `[count][elementBytes]`, aligned to 8 bytes if `elementBytes` is
  ///   a multiple of 8.
  /// - `count`: points at the number of elements.
  /// - `datatype`: points at the datatype of an element.
  public typealias Function = rf_mpi_reduction

  /// The size of an element.
  public let elementBytes: Int

  let datatype: Datatype
  private(set) var handle = rf_mpi_op_null()

  /// - Parameters:
  ///   - elementBytes: the size of an element, 1 to 2^31 − 1 bytes.
  ///   - isCommutative: whether MPI may exchange the ranks' order. The function must be associative
  ///     in any case.
  ///
  /// The corresponding MPI function is `MPI_Op_create`.
  public init(
    elementBytes: Int, isCommutative: Bool = true, _ function: @escaping Function
  ) throws {
    require(
      elementBytes > 0 && elementBytes <= Int32.max,
      "an element of \(elementBytes) bytes is not in 1...2^31-1")
    self.elementBytes = elementBytes
    datatype = try Datatype(elementBytes: elementBytes)
    try check(MPI_Op_create(function, isCommutative ? 1 : 0, &handle), "MPI_Op_create")
  }

  deinit {
    guard handle != rf_mpi_op_null(), MPIEnvironment.isInitialized else { return }
    let code = MPI_Op_free(&handle)
    require(code == MPI_SUCCESS, "MPI_Op_free failed with code \(code)")
  }

  /// The size in bytes of an element that a `Function` was called for.
  ///
  /// - Parameter datatype: the function's last argument.
  ///
  /// The corresponding MPI function is `MPI_Type_size`.
  public static func elementBytes(_ datatype: UnsafeRawPointer?) -> Int {
    var bytes: Int32 = 0
    let code = MPI_Type_size(datatype!.load(as: MPI_Datatype.self), &bytes)
    require(code == MPI_SUCCESS, "MPI_Type_size failed with code \(code)")
    return Int(bytes)
  }
}

extension Communicator {
  /// Combines the ranks' elements, one by one, by a user-defined operation; the result replaces
  /// them on every rank.
  ///
  /// - Parameter elements: `[elements][operation.elementBytes]`, equally many on every rank.
  ///
  /// The corresponding MPI function is `MPI_Iallreduce`.
  public func allReduce(
    elements: UnsafeMutableRawBufferPointer, with operation: ReductionOperation
  ) throws {
    let (count, rest) = elements.count.quotientAndRemainder(dividingBy: operation.elementBytes)
    require(
      rest == 0,
      "\(elements.count) bytes are not a whole number of elements of \(operation.elementBytes)")
    try complete("MPI_Iallreduce") {
      MPI_Iallreduce(
        rf_mpi_in_place(), elements.baseAddress, mpiCount(count), operation.datatype.handle,
        operation.handle, handle, &$0.handle)
    }
  }
}
