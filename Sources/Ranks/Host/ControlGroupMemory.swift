import Foundation

/// The memory that this process's control group leaves it.
public struct ControlGroupMemory {
  /// Bytes up to the limit, with what the system would take back first: pages of files, such as
  /// those of mapped weights, count as used but make room. Nil without a limit.
  public let availableBytes: Int?

  /// - Parameter root: where the groups are mounted; in a container, its own group is at the root.
  public init(root: String = "/sys/fs/cgroup") {
    // Version 2, then version 1.
    availableBytes =
      Self.available(root, limit: "memory.max", used: "memory.current", files: "")
      ?? Self.available(
        root + "/memory", limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes",
        files: "total_")
  }

  private static func available(
    _ folder: String, limit: String, used: String, files prefix: String
  ) -> Int? {
    func text(_ name: String) -> String? {
      try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
    }
    func number(_ name: String) -> Int? {
      text(name).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }
    guard let limit = number(limit), let used = number(used) else { return nil }
    let lines = (text("memory.stat") ?? "").split(separator: "\n")
    let reclaimable = ["inactive_file", "active_file"].reduce(0) { sum, name in
      let line = lines.first { $0.hasPrefix("\(prefix)\(name) ") }
      return sum + (line.flatMap { Int($0.split(separator: " ")[1]) } ?? 0)
    }
    return max(0, limit - max(0, used - reclaimable))
  }
}
