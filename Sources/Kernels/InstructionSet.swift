import CKernels

/// The instructions that the microkernels use, in ascending order: each includes those before it.
public enum InstructionSet: String, Sendable, CaseIterable, Comparable, Codable {
  case portable
  case avx2
  case avx512
  case avx512bf16

  var code: rf_instruction_set {
    switch self {
    case .portable: rf_instruction_set_portable
    case .avx2: rf_instruction_set_avx2
    case .avx512: rf_instruction_set_avx512
    case .avx512bf16: rf_instruction_set_avx512bf16
    }
  }

  public static func < (left: InstructionSet, right: InstructionSet) -> Bool {
    left.code.rawValue < right.code.rawValue
  }

  /// Those that this CPU and its operating system can run, by cpuid; never empty.
  public static var available: [InstructionSet] {
    allCases.filter { rf_instruction_set_is_available($0.code) }
  }

  /// The fastest one available: the highest, but for bf16 dot products that are slower than float32
  /// multiply-add on widened numbers.
  public static var fastest: InstructionSet {
    available.last { $0 != .avx512bf16 || rf_bf16_dot_product_pays() }!
  }

  /// The fastest one available, or another that `RINGFLASH_ISA` forces.
  ///
  /// - Throws: `InstructionSetError` if the variable names one that is unknown or that this CPU
  ///   does not have.
  public static func selected(environment: [String: String]) throws(InstructionSetError)
    -> InstructionSet
  {
    let available = Self.available
    guard let name = environment["RINGFLASH_ISA"], !name.isEmpty else { return fastest }
    guard let forced = InstructionSet(rawValue: name) else { throw .unknown(name) }
    guard available.contains(forced) else { throw .unavailable(forced) }
    return forced
  }
}

public enum InstructionSetError: Error, CustomStringConvertible {
  case unknown(String)
  case unavailable(InstructionSet)

  public var description: String {
    let available = InstructionSet.available.map(\.rawValue).joined(separator: ", ")
    return switch self {
    case .unknown(let name):
      "RINGFLASH_ISA is '\(name)', which is no instruction set; this CPU has: \(available)"
    case .unavailable(let set):
      "RINGFLASH_ISA asks for '\(set.rawValue)', which this CPU does not have; it has: \(available)"
    }
  }
}

/// The CPU's name as it gives it, or nil where it gives none.
public func cpuName() -> String? {
  var text = [CChar](repeating: 0, count: 64)
  rf_cpu_name(&text)
  let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
  let name = String(decoding: bytes, as: UTF8.self).split(separator: " ").joined(separator: " ")
  return name.isEmpty ? nil : name
}
