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
  public static let available = allCases.filter { rf_instruction_set_is_available($0.code) }

  /// The fastest one available.
  public static var fastest: InstructionSet {
    fastest(of: available, dotProductPays: rf_bf16_dot_product_pays())
  }

  /// The fastest of those that a CPU has: the highest, but for bf16 dot products that are slower than
  /// float32 multiply-add on widened numbers.
  ///
  /// - Parameters:
  ///   - available: never empty.
  ///   - dotProductPays: whether that CPU's bf16 dot product is the faster of the two.
  public static func fastest(of available: [InstructionSet], dotProductPays: Bool)
    -> InstructionSet
  {
    available.filter { $0 != .avx512bf16 || dotProductPays }.max()!
  }

  /// The fastest one available, or another that `RINGFLASH_ISA` forces.
  ///
  /// - Parameters:
  ///   - available: what the CPU has.
  ///   - fastest: one of these.
  /// - Throws: `InstructionSetError` if the variable names one that is unknown or that this CPU
  ///   does not have.
  public static func selected(
    environment: [String: String], available: [InstructionSet] = available,
    fastest: InstructionSet = fastest
  ) throws(InstructionSetError) -> InstructionSet {
    guard let name = environment["RINGFLASH_ISA"], !name.isEmpty else { return fastest }
    guard let forced = InstructionSet(rawValue: name) else {
      throw .unknown(name, available: available)
    }
    guard available.contains(forced) else { throw .unavailable(forced, available: available) }
    return forced
  }
}

public enum InstructionSetError: Error, CustomStringConvertible {
  case unknown(String, available: [InstructionSet])
  case unavailable(InstructionSet, available: [InstructionSet])

  public var description: String {
    switch self {
    case .unknown(let name, let available):
      "RINGFLASH_ISA is '\(name)', which is no instruction set; this CPU has: \(Self.list(available))"
    case .unavailable(let set, let available):
      """
      RINGFLASH_ISA asks for '\(set.rawValue)', which this CPU does not have; it has: \
      \(Self.list(available))
      """
    }
  }

  private static func list(_ sets: [InstructionSet]) -> String {
    sets.map(\.rawValue).joined(separator: ", ")
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
