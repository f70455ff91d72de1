import Foundation
import SystemPackage

/// The standard error stream: its output, and the terminal that shows it.
public enum StandardError {
  /// Writes `text`. A failure is ignored: a closed terminal must not end the job.
  public static func write(_ text: String) {
    _ = try? FileDescriptor.standardError.writeAll(text.utf8)
  }

  /// The width in columns of the terminal that shows standard error, or nil if none does.
  ///
  /// `mpirun` puts a pipe between a rank and the terminal. A rank that it started itself therefore
  /// asks for the standard error of its parent process, to which `mpirun` copies the rank's.
  public static func terminalWidth(
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> Int? {
    if let width = terminalWidth(of: STDERR_FILENO, environment) { return width }
    guard environment["OMPI_COMM_WORLD_RANK"] != nil else { return nil }
    let descriptor = open("/proc/\(getppid())/fd/\(STDERR_FILENO)", O_WRONLY | O_NOCTTY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return terminalWidth(of: descriptor, environment)
  }

  private static func terminalWidth(
    of descriptor: CInt, _ environment: [String: String]
  ) -> Int? {
    guard isatty(descriptor) == 1 else { return nil }
    var size = winsize()
    if ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
    return environment["COLUMNS"].flatMap { Int($0) }.flatMap { $0 > 0 ? $0 : nil } ?? 80
  }
}
