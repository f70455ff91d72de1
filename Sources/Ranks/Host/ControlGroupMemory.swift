import Foundation

// A batch system gives a job a control group with its memory, often one for the job and one in it for
// each step; a container has one, too. Every limit on the way from a process's own group up to the
// root holds. Which groups these are stands in /proc/self/cgroup, and where each kind of them is
// mounted, from which group downwards, in /proc/self/mountinfo.

/// The tightest memory limit of the control groups that this process is in.
public struct ControlGroupMemory: Equatable, Sendable {
  /// Bytes up to the limit, with what the system would take back first: pages of files, such as
  /// those of mapped weights, count as used but make room.
  public let availableBytes: Int
  public let limitBytes: Int
  /// The group with the limit, such as "/slurm/uid_1000/job_7".
  public let group: String

  /// - Parameter root: of the file system.
  /// - Returns: nil without a limit.
  public init?(root: String = "") {
    let groups = ControlGroup.groups(of: root).compactMap(Self.init)
    guard let tightest = groups.min(by: { $0.availableBytes < $1.availableBytes }) else {
      return nil
    }
    self = tightest
  }

  /// - Returns: nil where the group has no limit of its own.
  private init?(_ group: ControlGroup) {
    guard let limit = group.limit, limit < Self.unlimited, let used = group.used else { return nil }
    limitBytes = limit
    availableBytes = max(0, limit - max(0, used - group.reclaimable))
    self.group = group.name
  }

  /// Where version 1 has no limit it says the largest number of whole pages.
  private static let unlimited = 1 << 60
}

/// A group of one of the hierarchies that limit memory.
private struct ControlGroup {
  /// As the system calls it.
  let name: String
  private let folder: String
  private let version: Version

  private enum Version: Equatable { case one, two }

  /// The process's own groups and all above these, as far as they can be seen.
  static func groups(of root: String) -> [ControlGroup] {
    let memberships = lines(of: "\(root)/proc/self/cgroup").compactMap(Membership.init)
    let mounts = lines(of: "\(root)/proc/self/mountinfo").compactMap(Mount.init)
    return memberships.flatMap { membership in
      mounts.filter { $0.version == membership.version }.flatMap { mount in
        groups(from: mount.relativePath(of: membership.group), of: mount, root)
      }
    }
  }

  /// - Parameter path: the components of the lowest one, seen from the mount.
  private static func groups(from path: [String], of mount: Mount, _ root: String)
    -> [ControlGroup]
  {
    var groups: [ControlGroup] = []
    for depth in (0...path.count).reversed() {
      let below = path.prefix(depth).map { "/\($0)" }.joined()
      let group = ControlGroup(
        name: mount.root == "/" ? (below.isEmpty ? "/" : below) : mount.root + below,
        folder: root + mount.point + below, version: mount.version)
      // Before it was always so, a group of version 1 could leave those in it alone.
      if depth == path.count || group.number("memory.use_hierarchy") != 0 { groups.append(group) }
    }
    return groups
  }

  var limit: Int? { number(version == .two ? "memory.max" : "memory.limit_in_bytes") }

  /// With that of the groups in it.
  var used: Int? { number(version == .two ? "memory.current" : "memory.usage_in_bytes") }

  /// Of what is used, pages of files.
  var reclaimable: Int {
    let lines = Self.lines(of: "\(folder)/memory.stat")
    return ["inactive_file", "active_file"].reduce(0) { sum, name in
      let key = version == .two ? "\(name) " : "total_\(name) "
      let line = lines.first { $0.hasPrefix(key) }
      return sum + (line.flatMap { Int($0.dropFirst(key.count)) } ?? 0)
    }
  }

  private func number(_ file: String) -> Int? {
    Self.lines(of: "\(folder)/\(file)").first.flatMap { Int($0) }
  }

  private static func lines(of path: String) -> [String] {
    guard let bytes = FileManager.default.contents(atPath: path) else { return [] }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// A line such as "4:memory:/slurm/job_7" or "0::/system.slice/slurmd": which group of a hierarchy the
  /// process is in.
  private struct Membership {
    let version: Version
    let group: String

    init?(_ line: String) {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { return nil }
      if parts[0] == "0", parts[1].isEmpty {
        version = .two
      } else if parts[1].split(separator: ",").contains("memory") {
        version = .one
      } else {
        return nil
      }
      group = String(parts[2])
    }
  }

  /// A line such as "35 31 0:32 /slurm /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory": what of a
  /// hierarchy is seen, and where.
  private struct Mount {
    let version: Version
    /// The group at the mount's place.
    let root: String
    let point: String

    init?(_ line: String) {
      let fields = line.split(separator: " ")
      guard let dash = fields.dropFirst(6).firstIndex(of: "-"), dash + 3 < fields.count else {
        return nil
      }
      switch fields[dash + 1] {
      case "cgroup2": version = .two
      case "cgroup" where fields[dash + 3].split(separator: ",").contains("memory"): version = .one
      default: return nil
      }
      (root, point) = (Self.plain(fields[3]), Self.plain(fields[4]))
    }

    /// Where below the mount a group is. One that is not, in a container that knows its group by the
    /// host's name for it, is what the mount shows.
    func relativePath(of group: String) -> [String] {
      let (own, group) = (components(root), components(group))
      guard group.starts(with: own), !group.contains("..") else { return [] }
      return Array(group.dropFirst(own.count))
    }

    private func components(_ path: String) -> [String] {
      path.split(separator: "/").map(String.init)
    }

    /// A blank in a path is written as "\040".
    private static func plain(_ field: Substring) -> String {
      var bytes: [UInt8] = []
      var rest = Array(field.utf8)[...]
      while let byte = rest.popFirst() {
        if byte == UInt8(ascii: "\\"), rest.count >= 3,
          let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
        {
          bytes.append(code)
          rest = rest.dropFirst(3)
        } else {
          bytes.append(byte)
        }
      }
      return String(decoding: bytes, as: UTF8.self)
    }
  }
}
