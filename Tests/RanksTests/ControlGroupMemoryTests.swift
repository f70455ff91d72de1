import Foundation
import Ranks
import TestSupport
import Testing

@Suite struct ControlGroupMemoryTests {
  /// Calls `body` with a root that has these files, named relative to it.
  private func withRoot<Result>(
    _ files: [String: String], _ body: (String) throws -> Result
  ) throws -> Result {
    try withTemporaryDirectory { root in
      for (name, content) in files {
        let file = URL(fileURLWithPath: "\(root)/\(name)")
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(content.utf8).write(to: file)
      }
      return try body(root)
    }
  }

  private func memory(_ files: [String: String]...) throws -> ControlGroupMemory? {
    try withRoot(files.reduce(into: [:]) { $0.merge($1) { $1 } }) { ControlGroupMemory(root: $0) }
  }

  private func two(_ folder: String, limit: String, used: Int, files: Int = 0) -> [String: String] {
    [
      "\(folder)/memory.max": "\(limit)\n", "\(folder)/memory.current": "\(used)\n",
      "\(folder)/memory.stat": """
      anon 300
      file 400
      shmem 100
      inactive_file \(files - files / 4)
      active_file \(files / 4)

      """,
    ]
  }

  private func one(
    _ folder: String, limit: Int = 9_223_372_036_854_771_712, used: Int, files: Int = 0,
    isHierarchical: Bool = true
  ) -> [String: String] {
    [
      "\(folder)/memory.limit_in_bytes": "\(limit)\n",
      "\(folder)/memory.usage_in_bytes": "\(used)\n",
      "\(folder)/memory.use_hierarchy": isHierarchical ? "1\n" : "0\n",
      "\(folder)/memory.stat": """
      inactive_file 1
      active_file 1
      total_inactive_file \(files - files / 4)
      total_active_file \(files / 4)

      """,
    ]
  }

  private func system(_ groups: String, _ mounts: String) -> [String: String] {
    [
      "proc/self/cgroup": groups,
      "proc/self/mountinfo": """
      22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
      31 22 0:28 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
      \(mounts)

      """,
    ]
  }

  private let mountOfTwo =
    "32 31 0:29 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"

  /// As Slurm and systemd have it: the job's limit is above the step's group, in which the process is.
  @Test func everyGroupAboveCounts() throws {
    let job = "sys/fs/cgroup/system.slice/slurmstepd.scope/job_7"
    let system = system(
      "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n", mountOfTwo)
    let step = two("\(job)/step_0", limit: "max", used: 600)
    let tight = try memory(system, step, two(job, limit: "1000", used: 700, files: 250))
    #expect(tight?.availableBytes == 550 && tight?.limitBytes == 1000)
    #expect(tight?.group == "/system.slice/slurmstepd.scope/job_7")
    #expect(
      try memory(
        system, step, two(job, limit: "1000", used: 700, files: 250),
        two("\(job)/step_0/user/task_0", limit: "900", used: 600))?.availableBytes == 300)
    // Another job's.
    #expect(
      try memory(system, step, two(job + "0", limit: "1000", used: 700)) == nil)
    #expect(try memory(system, two(job, limit: "600", used: 700))?.availableBytes == 0)
  }

  @Test func versionOne() throws {
    let root = "sys/fs/cgroup/memory"
    let system = system(
      """
      9:name=systemd:/
      4:cpu,cpuacct:/other
      3:memory:/slurm/uid_1/job_7/step_0

      """,
      """
      40 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
      41 31 0:31 / /sys/fs/cgroup/memory rw shared:3 master:2 - cgroup cgroup rw,memory
      """)
    let groups = [
      one(root, used: 90_000), one("\(root)/slurm", used: 5000),
      one("\(root)/slurm/uid_1/job_7", limit: 1000, used: 700, files: 250),
      one("\(root)/slurm/uid_1/job_7/step_0", used: 700),
    ].reduce(into: system) { $0.merge($1) { $1 } }
    let memory = try memory(groups)
    #expect(memory?.availableBytes == 550 && memory?.group == "/slurm/uid_1/job_7")
    // One that leaves the groups in it alone.
    let alone = one(
      "\(root)/slurm/uid_1/job_7", limit: 1000, used: 700, isHierarchical: false)
    #expect(try self.memory(groups, alone) == nil)
    let step = one("\(root)/slurm/uid_1/job_7/step_0", limit: 800, used: 700, isHierarchical: false)
    #expect(try self.memory(groups, alone, step)?.availableBytes == 100)
  }

  /// Version 1 has the memory, and version 2 other things.
  @Test func hybrid() throws {
    let system = system(
      "4:memory:/user.slice\n0::/user.slice/session.scope\n",
      """
      41 31 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
      42 31 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
      """)
    let memory = try memory(
      system, one("sys/fs/cgroup/memory/user.slice", limit: 2000, used: 500),
      ["sys/fs/cgroup/unified/user.slice/cgroup.procs": "1\n"])
    #expect(memory?.availableBytes == 1500)
  }

  /// A container sees its own group at the mount, by whatever name it knows it.
  @Test(arguments: [
    ("0::/\n", "/"), ("0::/\n", "/../.."), ("0::/docker/0123\n", "/docker/0123"),
    ("0::/docker/0123\n", "/"), ("0::/../other\n", "/"),
  ])
  func containers(groups: String, root: String) throws {
    let mount = "32 31 0:29 \(root) /sys/fs/cgroup ro - cgroup2 cgroup rw"
    let memory = try memory(
      system(groups, mount), two("sys/fs/cgroup", limit: "1000", used: 300),
      two("sys/other", limit: "5", used: 3))
    #expect(memory?.availableBytes == 700)
  }

  @Test func groupsBelowAContainersOwn() throws {
    let memory = try memory(
      system(
        "5:memory:/docker/0123/job\n",
        "41 31 0:31 /docker/0123 /sys/fs/cg\\040roup rw - cgroup cgroup rw,memory"),
      one("sys/fs/cg roup", limit: 1000, used: 300),
      one("sys/fs/cg roup/job", limit: 500, used: 300))
    #expect(memory?.availableBytes == 200 && memory?.group == "/docker/0123/job")
  }

  @Test func whatIsNotThereOrHasNoLimitIsNoLimit() throws {
    #expect(try memory([:]) == nil)
    #expect(
      try memory(["proc/self/cgroup": "4\n::\n\n", "proc/self/mountinfo": "1 - \n-\n"]) == nil)
    let system = system("0::/\n", mountOfTwo)
    #expect(try memory(system) == nil)
    #expect(try memory(system, two("sys/fs/cgroup", limit: "max", used: 700)) == nil)
  }

  /// Of the host's memory and the group's, the less counts.
  @Test func availableMemory() throws {
    let group = system("0::/\n", mountOfTwo)
      .merging(two("sys/fs/cgroup", limit: "2000000", used: 500_000)) { $1 }
    func available(_ files: [String: String], kilobytes: Int?) throws -> AvailableMemory? {
      let text = kilobytes.map { "MemTotal: 9 kB\nMemFree: 1 kB\nMemAvailable:    \($0) kB\n" }
      return try withRoot(files.merging(["proc/meminfo": text ?? ""]) { $1 }) {
        AvailableMemory(root: $0)
      }
    }
    #expect(try available(group, kilobytes: 1000)?.description == "1.0 MB")
    #expect(try available(group, kilobytes: 1000)?.group == nil)
    let limited =
      "1.5 MB, by the limit of 2.0 MB of the control group /"
    #expect(try available(group, kilobytes: 9000)?.description == limited)
    #expect(try available(group, kilobytes: nil)?.description == limited)
    #expect(try available([:], kilobytes: nil) == nil)
  }
}
