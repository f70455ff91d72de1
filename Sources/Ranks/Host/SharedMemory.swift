import CSystemShims
import Glibc
import MPI

/// Memory that the ranks of one host share: what one rank writes, all can read. It stays until the
/// last of them lets go of it.
///
/// The corresponding MPI functions are `MPI_Win_allocate_shared` and `MPI_Win_shared_query`, which
/// are not used. Open MPI 4.1 keeps such windows in files in `/dev/shm`, of which a container has 64
/// MB as a rule. Where that is too little, rank 0 gives up and the other ranks wait for it for
/// ever. This memory is a file without a directory, which no file system's size limits, and it is
/// taken whole before anything is written, so that a lack of it is an error and not a signal.
public final class SharedMemory: @unchecked Sendable {
  /// Zero when it is new, and aligned to a page. Writes are seen by the other ranks after a
  /// barrier; no two ranks may write the same byte.
  public let bytes: UnsafeMutableRawBufferPointer

  /// The part of `bytes` whose pages this rank has taken, so that they lie near its cores where
  /// memory has nodes: the best part for it to write. The parts of all ranks cover the whole
  /// without overlaps; some may be empty.
  public let ownPart: Range<Int>

  /// Takes memory together with the other ranks of `host`; a collective.
  ///
  /// - Parameters:
  ///   - byteCount: the same on every rank; 0 is allowed.
  ///   - host: ranks of one host, as `Communicator.hostCommunicator()` has them. A single rank gets
  ///     plain memory.
  ///   - used: ascending ranges, the same on every rank, where memory will be used; the pages between
  ///     them are only addresses, and must not be touched. All by default.
  /// - Throws: `SharedMemoryError`, on every rank or on none; `MPIError`.
  public init(byteCount: Int, host: Communicator, used: [Range<Int>]? = nil) throws {
    guard byteCount >= 0 else { fatalError("memory of \(byteCount) bytes") }
    ownPart = Self.part(of: host.rank, host.size, byteCount: byteCount)
    let usedBytes = used.map { $0.reduce(0) { $0 + $1.count } } ?? byteCount
    if byteCount == 0 {
      bytes = UnsafeMutableRawBufferPointer(start: nil, count: 0)
      return
    }
    if host.size == 1 {
      guard Self.hostHas(usedBytes) else {
        throw SharedMemoryError(byteCount: usedBytes, action: "taking the memory", code: ENOMEM)
      }
      let memory = mmap(
        nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
      guard let memory, memory != MAP_FAILED else {
        throw SharedMemoryError(byteCount: usedBytes, action: "mapping it", code: errno)
      }
      Self.wishHugePages(memory, in: used ?? [0..<byteCount])
      bytes = UnsafeMutableRawBufferPointer(start: memory, count: byteCount)
      return
    }

    var file =
      host.rank == 0 ? MemoryFile.made(byteCount: byteCount, used: usedBytes) : MemoryFile()
    defer { file.close() }
    let ticket = try host.broadcast(value: file.ticket, from: 0)
    var outcome = ticket.outcome
    if outcome.step == .done, ticket.byteCount != byteCount {
      outcome = Outcome(step: .agreeing, code: 0)
    }
    if outcome.step == .done, host.rank > 0 { outcome = file.open(ticket) }
    var memory: UnsafeMutableRawPointer?
    for part in used ?? [0..<byteCount] where outcome.step == .done {
      outcome = file.take(part.clamped(to: ownPart))
    }
    if outcome.step == .done { (memory, outcome) = file.map() }

    // Also keeps rank 0 from closing the file before all have opened it.
    let outcomes = try host.allGather(value: outcome)
    if let failed = outcomes.first(where: { $0.step != .done }) {
      if let memory { munmap(memory, byteCount) }
      throw SharedMemoryError(
        byteCount: usedBytes, action: failed.step.words, code: failed.code)
    }
    bytes = UnsafeMutableRawBufferPointer(start: memory, count: byteCount)
  }

  deinit {
    if let memory = bytes.baseAddress { munmap(memory, bytes.count) }
  }

  /// Whether the host could ever have so much. Asked for more, the system would take all there is
  /// and end processes, this one or others, rather than refuse.
  fileprivate static func hostHas(_ byteCount: Int) -> Bool {
    byteCount / Int(getpagesize()) <= sysconf(Int32(_SC_PHYS_PAGES))
  }

  /// Of what lies between unused ranges, huge pages would take some of these.
  private static func wishHugePages(_ memory: UnsafeMutableRawPointer, in ranges: [Range<Int>]) {
    let page = 2 << 20
    for range in ranges {
      let start = (Int(bitPattern: memory) + range.lowerBound + page - 1) / page * page
      let end = (Int(bitPattern: memory) + range.upperBound) / page * page
      guard start < end else { continue }
      madvise(UnsafeMutableRawPointer(bitPattern: start), end - start, MADV_HUGEPAGE)
    }
  }

  /// Equal parts of whole pages.
  private static func part(of rank: Int, _ ranks: Int, byteCount: Int) -> Range<Int> {
    let pageBytes = Int(getpagesize())
    let pages = (byteCount + pageBytes - 1) / pageBytes
    let bounds = [rank, rank + 1].map { min(byteCount, $0 * pages / ranks * pageBytes) }
    return bounds[0]..<bounds[1]
  }
}

/// Which step a rank came to, and the system's error code where it failed there.
private struct Outcome: BitwiseCopyable {
  enum Step: UInt8, BitwiseCopyable {
    case done, making, agreeing, opening, taking, mapping

    var words: String {
      switch self {
      case .done: "nothing"
      case .making: "making a file in memory"
      case .agreeing: "agreeing on the size"
      case .opening: "opening another rank's file in memory, below /proc,"
      case .taking: "taking the memory"
      case .mapping: "mapping it"
      }
    }
  }

  var step = Step.done
  var code: Int32 = 0
}

/// The file behind shared memory, while it is being set up.
private struct MemoryFile {
  /// How another process finds the file, and knows that it is the one.
  struct Ticket: BitwiseCopyable {
    var outcome = Outcome()
    var process: pid_t = 0
    var descriptor: Int32 = -1
    var device: UInt = 0
    var inode: UInt = 0
    var byteCount = 0
  }

  var ticket = Ticket()
  private var descriptor: Int32 = -1

  static func made(byteCount: Int, used: Int) -> MemoryFile {
    var file = MemoryFile()
    guard SharedMemory.hostHas(used) else {
      file.ticket.outcome = Outcome(step: .taking, code: ENOMEM)
      return file
    }
    file.descriptor = rf_memory_file()
    var status = stat()
    guard file.descriptor >= 0, ftruncate(file.descriptor, byteCount) == 0,
      fstat(file.descriptor, &status) == 0
    else {
      file.ticket.outcome = Outcome(step: .making, code: errno)
      return file
    }
    file.ticket = Ticket(
      process: getpid(), descriptor: file.descriptor, device: UInt(status.st_dev),
      inode: UInt(status.st_ino), byteCount: byteCount)
    return file
  }

  mutating func open(_ ticket: Ticket) -> Outcome {
    self.ticket = ticket
    descriptor = Glibc.open(
      "/proc/\(ticket.process)/fd/\(ticket.descriptor)", O_RDWR | O_CLOEXEC)
    var status = stat()
    guard descriptor >= 0, fstat(descriptor, &status) == 0 else {
      return Outcome(step: .opening, code: errno)
    }
    // In another namespace of processes, the number may be another process's.
    guard UInt(status.st_dev) == ticket.device, UInt(status.st_ino) == ticket.inode else {
      return Outcome(step: .opening, code: ESTALE)
    }
    return Outcome()
  }

  /// Has the system put memory behind a part of the file.
  func take(_ part: Range<Int>) -> Outcome {
    if part.isEmpty { return Outcome() }
    while true {
      let code = posix_fallocate(descriptor, part.lowerBound, part.count)
      if code != EINTR { return code == 0 ? Outcome() : Outcome(step: .taking, code: code) }
    }
  }

  func map() -> (UnsafeMutableRawPointer?, Outcome) {
    let memory = mmap(
      nil, ticket.byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let memory, memory != MAP_FAILED else {
      return (nil, Outcome(step: .mapping, code: errno))
    }
    return (memory, Outcome())
  }

  mutating func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }
}
