import CKernels
import Kernels
import Testing

/// Which microkernels each instruction set has.
struct KernelTableTests {
  #if arch(x86_64)
    private static let isX86 = true
  #else
    private static let isX86 = false
  #endif

  /// What has no kernel, by name, as `CKernels.h` says it.
  private static func missing(_ set: InstructionSet) -> Set<String> {
    let withoutDotProduct: Set = [
      "bf16.softmax", "bf16.group_sums", "bf16.matrix", "bf16.accumulate_values", "bf16.pack_bf16",
      "bf16.finish",
      "bf16.rms_norm", "bf16.swiglu", "bf16.geglu", "bf16.round", "bf16.unpack",
      "bf16.widen_values",
      "dot_4_bf16_bf16", "dots_bf16_bf16", "peak_dot_product",
    ]
    let withOpenBLAS: Set = [
      "float32.matrix", "float32.accumulate_values", "float32.pack_bf16", "float32.pack_float32",
      "f32bf16.matrix", "f32bf16.accumulate_values", "f32bf16.pack_bf16", "matrix_pairs",
      "accumulate_values_pairs", "widen_pairs",
    ]
    let always: Set = ["f32bf16.pack_float32", "bf16.pack_float32"]
    return switch set {
    case .portable: always.union(withoutDotProduct).union(withOpenBLAS).union(dotsOfBlocks)
    case .avx2: always.union(withoutDotProduct).union(dotsOfBlocks)
    case .avx512: always.union(withoutDotProduct)
    case .avx512bf16: always
    }
  }

  private static let dotsOfBlocks = Set(names.filter { $0.hasSuffix(".dot") })

  /// Those that depend on whether a CPU has int8 dot products, which are no instruction set of their
  /// own.
  private static let ofInt8DotProducts: Set<String> = dotsOfBlocks.union([
    "matrix_s8g32", "matrix_s8g32m", "matrix_s8g16", "matrix_s8g16m", "peak_int8_dot_product",
  ])

  private static let names = names(of: rf_kernel_table())

  private static func names(of table: Any) -> [String] {
    Mirror(reflecting: table).children.flatMap { name, field in
      guard field is rf_input_kernels || field is rf_formats || field is rf_format_kernels else {
        return [name!]
      }
      return names(of: field).map { "\(name!).\($0)" }
    }
  }

  /// Every entry's address by name, 0 where there is none: a table is pointers to functions, and
  /// nothing else.
  private static func entries(_ set: InstructionSet, hasInt8DotProducts: Bool = true)
    -> [String: UInt]
  {
    let table = hasInt8DotProducts ? table(of: set) : tableWithoutInt8DotProducts(of: set)
    let addresses = withUnsafeBytes(of: table) {
      Array($0.bindMemory(to: UInt.self))
    }
    precondition(addresses.count == names.count)
    return Dictionary(uniqueKeysWithValues: zip(names, addresses))
  }

  @Test(arguments: InstructionSet.allCases)
  func theEntriesThatTheHeaderPromises(_ set: InstructionSet) {
    let missing = Set(Self.entries(set).filter { $0.value == 0 }.keys)
      .subtracting(["peak_int8_dot_product"])
    var expected = Self.missing(Self.isX86 ? set : .portable)
    // Which CPUs with AVX-512 have int8 dot products, its name does not say.
    if !missing.isDisjoint(with: Self.dotsOfBlocks) { expected.formUnion(Self.dotsOfBlocks) }
    #expect(missing == expected)
  }

  /// No entry is left to another instruction set that should have been replaced.
  @Test(.enabled(if: isX86, "another CPU has the portable kernels alone"))
  func eachSetHasItsOwn() {
    let (portable, avx2) = (Self.entries(.portable), Self.entries(.avx2))
    let (avx512, avx512bf16) = (Self.entries(.avx512), Self.entries(.avx512bf16))
    for name in Self.ofInt8DotProducts {
      #expect(portable[name] != avx2[name] || portable[name] == 0, "\(name)")
    }
    for name in Self.names where avx2[name] != 0 && !Self.ofInt8DotProducts.contains(name) {
      #expect(Set([portable[name], avx2[name], avx512[name]]).count == 3, "\(name)")
      #expect(avx512bf16[name] == avx512[name], "\(name)")
    }
  }

  /// On a CPU without int8 dot products, AVX2 multiplies for all sets.
  @Test(.enabled(if: isX86, "another CPU has the portable kernels alone"))
  func avx2MultipliesInt8WhereNothingElseDoes() {
    let avx2 = Self.entries(.avx2, hasInt8DotProducts: false)
    for set in [InstructionSet.avx2, .avx512, .avx512bf16] {
      let (with, without) = (Self.entries(set), Self.entries(set, hasInt8DotProducts: false))
      for name in Self.names {
        if Self.ofInt8DotProducts.contains(name) {
          #expect(without[name] == avx2[name], "\(name)")
        } else {
          #expect(without[name] == with[name], "\(name)")
        }
      }
      #expect(without["peak_int8_dot_product"] == 0)
      #expect(without["matrix_s8g32"] != Self.entries(.portable)["matrix_s8g32"])
    }
  }
}
