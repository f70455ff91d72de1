import Foundation

/// The caches nearest to memory, as far as some cores use them.
public struct LastLevelCache {
  /// Of all of them together: what is larger does not stay in them, however the cores share it out.
  public let bytes: Int

  /// - Parameters:
  ///   - cores: the cores that count; several may share a cache.
  ///   - root: where the system describes its cores.
  public init(cores: [Int], root: String = "/sys/devices/system/cpu") {
    var caches: [String: Int] = [:]
    for core in cores {
      guard let cache = Self.last(of: core, root) else { continue }
      caches[cache.cores] = cache.bytes
    }
    bytes = caches.isEmpty ? Self.systemBytes : caches.values.reduce(0, +)
  }

  /// A core's last cache: its size, and the cores that share it, such as "0-3,8".
  private static func last(of core: Int, _ root: String) -> (cores: String, bytes: Int)? {
    let folder = "\(root)/cpu\(core)/cache"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let caches = names.compactMap { name -> (level: Int, cores: String, bytes: Int)? in
      func text(_ key: String) -> String? {
        (try? String(contentsOfFile: "\(folder)/\(name)/\(key)", encoding: .utf8))?
          .trimmingCharacters(in: .whitespacesAndNewlines)
      }
      guard let level = text("level").flatMap({ Int($0) }), text("type") != "Instruction",
        let size = text("size"), let bytes = bytes(size)
      else { return nil }
      return (level, text("shared_cpu_list") ?? "\(core)", bytes)
    }
    return caches.max { $0.level < $1.level }.map { ("\($0.level): \($0.cores)", $0.bytes) }
  }

  /// Of a size such as "266240K".
  private static func bytes(_ size: String) -> Int? {
    let units = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
    guard let unit = size.last.flatMap({ units[String($0)] }) else { return Int(size) }
    return Int(size.dropLast()).map { $0 * unit }
  }

  /// Where the system describes no caches: what the C library knows, or a guess that is large for
  /// one core's share.
  private static var systemBytes: Int {
    let known = [Int32(_SC_LEVEL4_CACHE_SIZE), Int32(_SC_LEVEL3_CACHE_SIZE)].map { sysconf($0) }
    return known.first { $0 > 0 } ?? 64 << 20
  }
}
