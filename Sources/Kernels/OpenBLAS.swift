import Glibc

/// The library that multiplies matrices where there are no own microkernels. It is loaded when it is
/// first needed and not before: for each thread it takes more memory than the rest of a small run, and
/// where that is refused, it asks again and again.
public struct OpenBLAS: @unchecked Sendable {
  /// `cblas_sgemm`, with matrices row by row.
  typealias Multiplication =
    @convention(c) (
      _ order: Int32, _ leftTransposition: Int32, _ rightTransposition: Int32, _ rows: Int32,
      _ columns: Int32, _ inner: Int32, _ alpha: Float, _ left: UnsafePointer<Float>,
      _ leftStride: Int32, _ right: UnsafePointer<Float>, _ rightStride: Int32, _ beta: Float,
      _ result: UnsafeMutablePointer<Float>, _ resultStride: Int32
    ) -> Void

  /// What it multiplies in, for each thread that calls it at the same time.
  private static let bufferBytes = 128 << 20
  /// In Debian's and most other distributions, in Fedora's, and as one builds it oneself.
  private static let names = ["libopenblas.so.0", "libopenblasp.so.0", "libopenblas.so"]

  private let sgemm: Multiplication
  private let core: (@convention(c) () -> UnsafePointer<CChar>)?

  private static let library = Result { () throws(OpenBLASError) in try OpenBLAS() }

  /// - Throws: `OpenBLASError` where it is not installed.
  public static func loaded() throws(OpenBLASError) -> OpenBLAS { try library.get() }

  /// Makes sure that so many threads can multiply at the same time.
  ///
  /// - Throws: `OpenBLASError` where it is not installed.
  public static func prepare(threads: Int) throws(OpenBLASError) {
    _ = try loaded()
    let bytes = threads * bufferBytes
    let room = mmap(
      nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let room, room != MAP_FAILED else { MemoryExhaustion.end(bytes: bytes, code: errno) }
    munmap(room, bytes)
  }

  /// Of the kernels that it has chosen for this CPU, such as `SkylakeX`; nil where it does not say.
  public var coreName: String? { core.map { String(cString: $0()) } }

  private init() throws(OpenBLASError) {
    // The team's threads call it side by side; each call is one thread's work.
    setenv("OPENBLAS_NUM_THREADS", "1", 1)
    var reason: String?
    let library = Self.names.lazy.compactMap { name in
      let library = dlopen(name, RTLD_NOW | RTLD_LOCAL)
      if library == nil, reason == nil { reason = dlerror().map { String(cString: $0) } }
      return library
    }.first
    guard let library, let sgemm = dlsym(library, "cblas_sgemm") else {
      throw OpenBLASError(reason: reason ?? "it lacks cblas_sgemm")
    }
    self.sgemm = unsafeBitCast(sgemm, to: Multiplication.self)
    if let setThreads = dlsym(library, "openblas_set_num_threads") {
      unsafeBitCast(setThreads, to: (@convention(c) (Int32) -> Void).self)(1)
    }
    core = dlsym(library, "openblas_get_corename").map {
      unsafeBitCast($0, to: (@convention(c) () -> UnsafePointer<CChar>).self)
    }
  }

  /// `result = left · right + beta · result`, where `left` is `[rows][inner]` and `right` is
  /// `[inner][columns]`, or `[columns][inner]` if it is transposed.
  static func multiply(
    _ left: (UnsafePointer<Float>, stride: Int), _ right: (UnsafePointer<Float>, stride: Int),
    isRightTransposed: Bool, rows: Int, columns: Int, inner: Int,
    into result: (UnsafeMutablePointer<Float>, stride: Int, beta: Float)
  ) {
    let library: OpenBLAS
    switch Self.library {
    case .success(let loaded): library = loaded
    case .failure(let error): fatalError(error.description)
    }
    // As in cblas.h: by rows; not transposed, transposed.
    let (order, plain, transposed) = (Int32(101), Int32(111), Int32(112))
    library.sgemm(
      order, plain, isRightTransposed ? transposed : plain, Int32(rows), Int32(columns),
      Int32(inner), 1, left.0, Int32(left.stride), right.0, Int32(right.stride), result.beta,
      result.0, Int32(result.stride))
  }
}

public struct OpenBLASError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What the dynamic linker says.
  let reason: String

  public var description: String {
    """
    OpenBLAS, which multiplies on CPUs without AVX2 and with RINGFLASH_ISA=portable, cannot be loaded \
    (\(reason)); install it (Debian's package libopenblas0), or name its folder in LD_LIBRARY_PATH
    """
  }
}
