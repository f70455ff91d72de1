import Files
import Foundation
import Synchronization
import SystemPackage

// The file `lease.json` in a context's folder says which job writes there. The job holds a lock on it,
// which ends with the process, and writes it anew every few seconds. Where all who look share the lock (one
// host, most network file systems), a lease that nobody locks is free. Where they may not, it is free
// when it has not been written for a minute by the file system's clock, which is the same for all.

/// The right of one job to write in the folder of a saved context.
///
/// Its timer is set when it is made and cancelled by `release`, each by whoever has it; all else is safe on
/// any thread.
public final class ContextLease: @unchecked Sendable {
  /// Which job; `renewals` is only to make each writing another one.
  public struct Holder: Codable, Equatable, Sendable {
    public let host: String
    public let process: Int
    /// Of this holding, unlike any other.
    let token: UInt64
    package var renewals = 0

    public init(host: String, process: Int) {
      self.host = host
      self.process = process
      token = .random(in: 0 ... .max)
    }
  }

  /// A lease as `inspect` shows it.
  public struct State: Equatable, Sendable {
    public let holder: Holder
    /// Since it was last written.
    public let seconds: Double
    /// Whether the job lives, as far as one can see.
    public let isHeld: Bool
  }

  static let renewalSeconds = 5
  static let staleSeconds = 60.0

  private let directory: ContextDirectory
  private let descriptor: FileDescriptor
  private let holder: Mutex<Holder>
  private var timer: (any DispatchSourceTimer)?

  /// Takes the lease of the folder, which is there. Where it has to see whether a job on another host
  /// still lives, it takes up to a minute.
  ///
  /// - Parameter onWait: called before that.
  /// - Throws: `FileError` of the kind `writeFailed` if another job holds it, or the folder cannot be
  ///   written to.
  public init(
    of directory: ContextDirectory, for holder: Holder,
    onWait: (_ former: Holder) -> Void = { _ in }
  ) throws(FileError) {
    self.directory = directory
    self.holder = Mutex(holder)
    let (descriptor, isLocked) = try Self.open(directory)
    self.descriptor = descriptor
    do throws(FileError) {
      if let former = Self.content(of: descriptor), !(isLocked && former.host == holder.host) {
        onWait(former)
        try Self.waitForEnd(of: former, directory, descriptor)
      }
      try write()
      // Without locks, two may have come this far: who wrote last has it.
      if !isLocked { usleep(500_000) }
      try check()
    } catch {
      try? descriptor.close()
      throw error
    }
    let timer = DispatchSource.makeTimerSource()
    timer.schedule(
      deadline: .now() + .seconds(Self.renewalSeconds), repeating: .seconds(Self.renewalSeconds))
    timer.setEventHandler { [weak self] in self?.renew() }
    timer.activate()
    self.timer = timer
  }

  /// Checks that it is still this job's: one that was stopped for a minute may have lost it.
  ///
  /// - Throws: `FileError` of the kind `writeFailed`.
  public func check() throws(FileError) {
    let own = holder.withLock { $0.token }
    let path = directory.leasePath
    guard let descriptor = try? FileDescriptor.open(FilePath(text: path), .readOnly) else {
      throw FileError(
        .writeFailed,
        "\(directory.path): its \(ContextDirectory.Name.lease) was removed while this job wrote there; save the context anew"
      )
    }
    defer { try? descriptor.close() }
    let present = Self.content(of: descriptor)
    guard present?.token == own else { throw Self.taken(directory, by: present) }
  }

  /// Gives it back.
  public func release() {
    stop()
    if (try? check()) != nil { try? FilePath(text: directory.leasePath).removeFile() }
    try? descriptor.close()
  }

  /// Ends the renewals, as the death of the process would.
  package func stop() { timer?.cancel() }

  private func renew() {
    guard (try? check()) != nil else { return stop() }
    holder.withLock { $0.renewals += 1 }
    // What goes wrong here shows in the next check, or when the context is written.
    try? write()
  }

  private func write() throws(FileError) {
    let content = holder.withLock { $0 }
    let path = directory.leasePath
    let json: Data
    do { json = try JSONEncoder().encode(content) } catch { throw .writing(path) }
    try Errno.explained {
      try descriptor.writeAll(toAbsoluteOffset: 0, json)
      try descriptor.resize(to: Int64(json.count))
      try descriptor.synchronize()
    } by: {
      FileError.writing(path, $0)
    }
  }

  // MARK: Others

  /// - Returns: the open file, and whether this process has locked it; not where the file system has
  ///   no locks.
  private static func open(
    _ directory: ContextDirectory
  ) throws(FileError) -> (FileDescriptor, isLocked: Bool) {
    let path = FilePath(text: directory.leasePath)
    while true {
      let descriptor = try Errno.explained {
        try FileDescriptor.open(
          path, .readWrite, options: [.create, .closeOnExec], permissions: .newFile)
      } by: {
        FileError.writing(directory.leasePath, $0)
      }
      var isLocked = flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0
      // Who only looks whether it is locked has it locked for a moment.
      for _ in 0..<5 where !isLocked && Errno.last == .wouldBlock {
        usleep(20_000)
        isLocked = flock(descriptor.rawValue, LOCK_EX | LOCK_NB) == 0
      }
      if !isLocked, Errno.last == .wouldBlock {
        // Who has locked it a moment ago has not written yet who it is.
        for _ in 0..<50 where content(of: descriptor) == nil { usleep(20_000) }
        let holder = content(of: descriptor)
        try? descriptor.close()
        throw taken(directory, by: holder)
      }
      // Its former holder may have removed it between the two calls.
      if FileIdentity(descriptor) == FileIdentity(path) { return (descriptor, isLocked) }
      try? descriptor.close()
    }
  }

  /// Returns when the lease has not been written for a minute; throws when it is written.
  private static func waitForEnd(
    of former: Holder, _ directory: ContextDirectory, _ descriptor: FileDescriptor
  ) throws(FileError) {
    while let age = age(of: descriptor, in: directory), age < staleSeconds {
      usleep(500_000)
      // Opened anew, because a network file system may show an open one as it was.
      let path = FilePath(text: directory.leasePath)
      guard let again = try? FileDescriptor.open(path, .readOnly) else { return }
      let present = content(of: again)
      try? again.close()
      guard present == former else { throw taken(directory, by: present) }
    }
  }

  private static func content(of descriptor: FileDescriptor) -> Holder? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = bytes.withUnsafeMutableBytes {
      (try? descriptor.read(fromAbsoluteOffset: 0, into: $0)) ?? 0
    }
    return try? JSONDecoder().decode(Holder.self, from: Data(bytes[..<count]))
  }

  /// Seconds since the lease was written, by the clock of the file system; nil where that cannot be
  /// said.
  private static func age(
    of descriptor: FileDescriptor, in directory: ContextDirectory
  ) -> Double? {
    guard let now = directory.statusOfNewFile(), let written = try? Stat(descriptor) else {
      return nil
    }
    return seconds(now) - seconds(written)
  }

  private static func seconds(_ status: Stat) -> Double {
    let time = status.rawValue.st_mtim
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  private static func taken(_ directory: ContextDirectory, by holder: Holder?) -> FileError {
    let job = holder.map { "process \($0.process) on \($0.host)" } ?? "another job"
    return FileError(
      .writeFailed,
      "\(directory.path): is being written by \(job); wait for its end, or name another folder")
  }

  /// Of the folder's lease; nil where there is none.
  static func state(of directory: ContextDirectory) -> State? {
    let path = FilePath(text: directory.leasePath)
    guard let descriptor = try? FileDescriptor.open(path, .readOnly) else { return nil }
    defer { try? descriptor.close() }
    guard let holder = content(of: descriptor), let status = try? Stat(descriptor) else {
      return nil
    }
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let age = max(0, Double(now.tv_sec) + Double(now.tv_nsec) / 1e9 - seconds(status))
    let isLocked = flock(descriptor.rawValue, LOCK_SH | LOCK_NB) != 0 && Errno.last == .wouldBlock
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    let isOfThisHost =
      name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) } == holder.host
    return State(
      holder: holder, seconds: age,
      isHeld: isLocked || !isOfThisHost && age < staleSeconds)
  }
}
