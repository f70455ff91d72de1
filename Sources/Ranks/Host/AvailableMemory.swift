import Foundation

/// What new work on this host may take of its memory: what the kernel says is available, or less by
/// a control group, as in a container or a batch job.
public struct AvailableMemory: Equatable, Sendable {
  public let bytes: Int
  /// The one whose limit says so; nil where it is the host's memory.
  public let group: ControlGroupMemory?

  /// - Parameter root: of the file system.
  /// - Returns: nil where the system does not say.
  public init?(root: String = "") {
    let text = FileManager.default.contents(atPath: "\(root)/proc/meminfo") ?? Data()
    let key = "MemAvailable:"
    let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first {
      $0.hasPrefix(key)
    }
    let ofHost = line.flatMap { $0.dropFirst(key.count).split(separator: " ").first }
      .flatMap { Int($0) }.map { $0 * 1024 }
    let group = ControlGroupMemory(root: root)
    if let group, group.availableBytes <= ofHost ?? .max {
      (bytes, self.group) = (group.availableBytes, group)
    } else if let ofHost {
      (bytes, self.group) = (ofHost, nil)
    } else {
      return nil
    }
  }
}

extension AvailableMemory: CustomStringConvertible {
  /// Such as "0.3 GB, by the limit of 2.0 GB of the control group /job_7".
  public var description: String {
    guard let group else { return decimalSize(bytes) }
    return """
      \(decimalSize(bytes)), by the limit of \(decimalSize(group.limitBytes)) of the control group \
      \(group.group)
      """
  }
}
