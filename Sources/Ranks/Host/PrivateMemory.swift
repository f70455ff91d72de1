import Foundation

/// How much memory this process has to itself, looked at from time to time: unlike for all of its
/// memory, the system keeps no record of the most.
public final class PrivateMemory {
  public private(set) var peakBytes = 0

  public init() { sample() }

  public func sample() {
    // Pages: of the address space, resident, and of these the ones in files or shared memory.
    let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
    let pages = text.split(separator: " ").prefix(3).compactMap { Int($0) }
    guard pages.count == 3 else { return }
    peakBytes = max(peakBytes, (pages[1] - pages[2]) * Int(getpagesize()))
  }
}
