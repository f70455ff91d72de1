import Foundation

/// The limits that a shell or a batch system sets on a process's memory: `ulimit -v` and `ulimit -d`.
public enum AddressSpace {
  /// Bytes that this process may still map; nil without a limit.
  public static var remainingBytes: Int? {
    let text = FileManager.default.contents(atPath: "/proc/self/statm") ?? Data()
    // Pages: of the address space, resident, in files or shared, of code, of nothing, and of data.
    let pages = String(decoding: text, as: UTF8.self).split { $0.isWhitespace }.compactMap {
      Int($0)
    }
    guard pages.count >= 6 else { return nil }
    let used = [
      (limit: __rlimit_resource_t(RLIMIT_AS.rawValue), pages: pages[0]),
      (limit: __rlimit_resource_t(RLIMIT_DATA.rawValue), pages: pages[5]),
    ]
    return used.compactMap { limit, pages -> Int? in
      var values = rlimit()
      guard getrlimit(limit, &values) == 0, values.rlim_cur != .max else { return nil }
      return max(0, Int(clamping: values.rlim_cur) - pages * Int(getpagesize()))
    }.min()
  }
}
