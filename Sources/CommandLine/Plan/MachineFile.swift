import Files
import Foundation
import Planning
import Ranks
import SystemPackage
import Yams

/// Reads a machine: a YAML mapping of names to numbers.
package enum MachineFile {
  /// A key, and where its number goes; nil where a machine need not say it.
  private struct Key {
    let name: String
    let isRequired: Bool
    let allowed: ClosedRange<Double>
  }

  private static let keys: [Key] = [
    required("cores", 1...65536), required("bf16-gflops"), required("8-bit-gops"),
    required("fp32-gflops"), required("memory-gb-per-second"), required("memory-gb", 1e-6...1e9),
    required("link-gbit"), required("latency-us", 0...1e9),
    Key(name: "hop-us", isRequired: false, allowed: 0...1e9),
    fraction("linear-efficiency"), fraction("attention-efficiency"), fraction("memory-efficiency"),
    fraction("link-efficiency"),
  ]

  private static func required(
    _ name: String, _ allowed: ClosedRange<Double> = 1e-6...1e15
  ) -> Key { Key(name: name, isRequired: true, allowed: allowed) }

  private static func fraction(_ name: String) -> Key {
    Key(name: name, isRequired: false, allowed: 1e-6...1)
  }

  /// - Parameter name: of a file, or what stands before `.yaml` in `configs/machines`.
  /// - Throws: 66 where there is none, 74 if it cannot be read, 65 with file, line and column if its
  ///   content is wrong.
  package static func machine(_ name: String) throws(Failure) -> Machine {
    let path = try path(of: name)
    let yaml = try FileReader.text(of: path, as: "machine file", limit: .settings)
    return try machine(yaml: yaml, path: path)
  }

  /// The machine in `yaml`; `path` is for messages, and its last part without the ending is the name.
  package static func machine(yaml: String, path: String) throws(Failure) -> Machine {
    guard let root = try ConfigurationFile.compose(yaml, path: path), let mapping = root.mapping
    else { throw ConfigurationFile.failure(path, nil, "expected lines of the form 'key: number'") }
    var values: [String: Double] = [:]
    for (key, value) in Array(mapping) {
      let known = try self.key(named: key, path: path)
      guard let number = value.scalar.flatMap({ Double($0.string) }),
        known.allowed.contains(number)
      else {
        throw ConfigurationFile.failure(
          path, value.mark,
          "'\(known.name)' expects a number from \(text(known.allowed.lowerBound)) to "
            + text(known.allowed.upperBound))
      }
      values[known.name] = number
    }
    let missing = keys.filter { $0.isRequired && values[$0.name] == nil }.map(\.name)
    guard missing.isEmpty else {
      throw ConfigurationFile.failure(path, nil, "lacks \(missing.joined(separator: ", "))")
    }
    return machine(FilePath(text: path).stem ?? path, values)
  }

  private static func machine(_ name: String, _ values: [String: Double]) -> Machine {
    let standard = Machine.Efficiency()
    return Machine(
      name: name, cores: Int(values["cores"]!),
      peaks: .init(
        bf16: values["bf16-gflops"]!, eightBit: values["8-bit-gops"]!,
        fp32: values["fp32-gflops"]!),
      memoryGBPerSecond: values["memory-gb-per-second"]!, memoryBytes: values["memory-gb"]! * 1e9,
      link: .init(
        gigabitsPerSecond: values["link-gbit"]!, latencyMicroseconds: values["latency-us"]!,
        hopMicroseconds: values["hop-us"] ?? 0),
      efficiency: .init(
        linear: values["linear-efficiency"] ?? standard.linear,
        attention: values["attention-efficiency"] ?? standard.attention,
        memory: values["memory-efficiency"] ?? standard.memory,
        link: values["link-efficiency"] ?? standard.link))
  }

  private static func key(named node: Node, path: String) throws(Failure) -> Key {
    let name = node.scalar?.string ?? ""
    if let key = keys.first(where: { $0.name == name }) { return key }
    let suggestion = nearestName(to: name, among: keys.map(\.name)).map {
      ", did you mean '\($0)'?"
    }
    throw ConfigurationFile.failure(
      path, node.mark,
      "unknown key '\(name)'\(suggestion ?? "; a machine has \(keys.map(\.name).joined(separator: ", "))")"
    )
  }

  private static func text(_ number: Double) -> String { String(format: "%g", number) }

  // MARK: - Where it is

  private static func path(of name: String) throws(Failure) -> String {
    if FilePath(text: name).exists { return name }
    let folders = machineFolders
    let file = folders.map { $0.appending("\(name).yaml") }.first(where: \.exists)
    if let file { return file.text }
    let entries = folders.flatMap { (try? $0.entries()) ?? [] }
    let known = Set(entries.filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) })
      .sorted()
    let nearest = nearestName(to: name, among: known).map { ", did you mean '\($0)'?" }
    let list = known.isEmpty ? "" : ", known are \(known.joined(separator: ", "))"
    throw Failure(
      .noInput, "there is no machine '\(name)', neither as a file nor by name\(nearest ?? list)")
  }

  /// `configs/machines` under the working directory and under all folders above the program.
  private static var machineFolders: [FilePath] {
    var folders = [FilePath("."), FilePath("/proc/self/exe").resolved.removingLastComponent()]
    while let last = folders.last, !last.components.isEmpty {
      folders.append(last.removingLastComponent())
    }
    return folders.map { $0.appending("configs/machines") }.filter(\.isFolder)
  }
}
