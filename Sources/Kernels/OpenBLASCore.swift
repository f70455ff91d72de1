/// Which of its kernels OpenBLAS is to take for this CPU.
///
/// OpenBLAS knows CPUs by their model numbers. For one that is newer than itself it falls back to
/// kernels without AVX, a tenth as fast. The variable `OPENBLAS_CORETYPE` overrides its choice, but
/// is read only when the library is loaded.
public enum OpenBLASCore {
  public static let variable = "OPENBLAS_CORETYPE"

  /// What to override OpenBLAS' choice with; nil where it suits the CPU.
  ///
  /// - Parameters:
  ///   - chosen: the kernels that OpenBLAS has chosen.
  ///   - available: the instruction sets of this CPU.
  public static func override(chosen: String, available: [InstructionSet]) -> String? {
    let withoutAVX2: Set = [
      "Generic", "Katmai", "Coppermine", "Northwood", "Prescott", "Banias", "Atom", "Core2",
      "Penryn", "Dunnington", "Nehalem", "Athlon", "Opteron", "Opteron_SSE3", "Barcelona", "Nano",
      "Bobcat", "Bulldozer", "Piledriver", "Steamroller", "Sandybridge",
    ]
    guard withoutAVX2.contains(where: { $0.lowercased() == chosen.lowercased() }) else {
      return nil
    }
    if available.contains(.avx512) { return "SkylakeX" }
    return available.contains(.avx2) ? "Haswell" : nil
  }
}
