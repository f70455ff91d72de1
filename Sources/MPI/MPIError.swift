import CMPI
import CMPIShims

/// What an MPI routine failed with. Every return code of MPI is checked and becomes one of these.
public struct MPIError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A class of errors that the MPI standard names, the same under every MPI library.
  public struct Class: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }
  }

  public let errorClass: Class

  /// The MPI function that failed, `MPI_Isend` for example. For a message or a collective under way
  /// it is the one that started it, also when the failure came to light while it was waited for.
  public let routine: String

  /// MPI's own description, and what is known beyond it.
  public let message: String

  public var description: String { "\(routine) failed: \(message)" }

  /// Describes `code`, a return code or an error class. The corresponding MPI functions are
  /// `MPI_Error_class` and `MPI_Error_string`.
  init(code: Int32, routine: StaticString, detail: String? = nil) {
    var errorClass: Int32 = MPI_ERR_UNKNOWN
    let known = MPI_Error_class(code, &errorClass) == MPI_SUCCESS
    self.errorClass = known ? Class(rawValue: errorClass) : .unknown
    self.routine = "\(routine)"
    let text =
      known
      ? readString(capacity: rf_mpi_max_error_string(), "MPI_Error_string") {
        MPI_Error_string(code, $0, $1)
      } : "error code \(code)"
    message = detail.map { "\(text); \($0)" } ?? text
  }
}

extension MPIError.Class {
  public static let buffer = Self(rawValue: MPI_ERR_BUFFER)
  public static let count = Self(rawValue: MPI_ERR_COUNT)
  public static let datatype = Self(rawValue: MPI_ERR_TYPE)
  public static let tag = Self(rawValue: MPI_ERR_TAG)
  public static let communicator = Self(rawValue: MPI_ERR_COMM)
  public static let rank = Self(rawValue: MPI_ERR_RANK)
  public static let request = Self(rawValue: MPI_ERR_REQUEST)
  public static let root = Self(rawValue: MPI_ERR_ROOT)
  public static let operation = Self(rawValue: MPI_ERR_OP)
  public static let argument = Self(rawValue: MPI_ERR_ARG)
  /// A message and the buffer for it differ in length.
  public static let truncate = Self(rawValue: MPI_ERR_TRUNCATE)
  public static let noMemory = Self(rawValue: MPI_ERR_NO_MEM)
  public static let `internal` = Self(rawValue: MPI_ERR_INTERN)
  public static let other = Self(rawValue: MPI_ERR_OTHER)
  public static let unknown = Self(rawValue: MPI_ERR_UNKNOWN)
}

/// Throws what `code`, the return code of `routine`, says, unless it says success.
func check(_ code: Int32, _ routine: StaticString) throws(MPIError) {
  if code != MPI_SUCCESS { throw MPIError(code: code, routine: routine) }
}

/// The text that an MPI routine writes into memory of `capacity` bytes, together with its length.
/// For routines that can't fail when they are called rightly.
func readString(
  capacity: Int32, _ routine: StaticString,
  _ write: (UnsafeMutablePointer<CChar>, UnsafeMutablePointer<Int32>) -> Int32
) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(capacity) + 1) { text in
    var length: Int32 = 0
    let code = write(text.baseAddress!, &length)
    require(code == MPI_SUCCESS, "\(routine) failed with code \(code)")
    return String(decoding: UnsafeRawBufferPointer(text)[..<Int(length)], as: UTF8.self)
  }
}
