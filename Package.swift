// swift-tools-version: 6.2
import PackageDescription

// `launch/test` sets RINGFLASH_STRICT, so that a newer compiler's warnings never stop a user's build.
let strict = Context.environment["RINGFLASH_STRICT"] != nil
let swiftSettings: [SwiftSetting] = strict ? [.treatAllWarnings(as: .error)] : []
// What C asserts is checked in builds of the tests, and costs a user's program nothing.
let cSettings: [CSetting] =
  strict ? [.treatAllWarnings(as: .error)] : [.define("NDEBUG", .when(configuration: .release))]

// To compile the tests of the program for speed would take longer than to run them as they are.
let unoptimized: [SwiftSetting] = strict ? [.unsafeFlags(["-Onone"])] : []

/// The floor of each module of the house. A module knows only what is on floors under its own.
var floors: [String: Int] = [:]

@MainActor func module(
  _ floor: Int, _ name: String, _ dependencies: [String] = [], libraries: [Target.Dependency] = []
) -> Target {
  for other in dependencies {
    precondition(
      floors[other].map { $0 < floor } ?? false,
      "\(name) knows \(other), which is no floor under it")
  }
  floors[name] = floor
  return .target(
    name: name, dependencies: dependencies.map { .init(stringLiteral: $0) } + libraries,
    swiftSettings: swiftSettings)
}

@MainActor func cModule(
  _ floor: Int, _ name: String, _ dependencies: [Target.Dependency] = []
) -> Target {
  floors[name] = floor
  return .target(name: name, dependencies: dependencies, cSettings: cSettings)
}

@MainActor func systemLibrary(_ name: String, pkgConfig: String? = nil, packages: [String])
  -> Target
{
  floors[name] = 0
  return .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt(packages)])
}

/// The system's calls, typed.
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

func tests(
  _ name: String, _ dependencies: [Target.Dependency] = [], hasFixtures: Bool = false,
  settings: [SwiftSetting] = []
) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.init(stringLiteral: name)] + dependencies,
    exclude: hasFixtures ? ["Fixtures"] : [], swiftSettings: swiftSettings + settings)
}

// The fuzz targets need the fuzzer's library, which only `launch/fuzz` links.
let fuzzTargets: [Target] =
  Context.environment["RINGFLASH_FUZZING"] == nil
  ? []
  : [
    .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzzing/CLibFuzzer"),
    .executableTarget(
      name: "ringflash-fuzz",
      dependencies: [
        "CLibFuzzer", "CommandLine", "ChatTemplates", "ContextFiles", "Digests", "Files",
        "Inference", "JSON", "Kernels", "ModelFiles", "Ranks", "Tokenizers", "Transformer",
      ],
      path: "Tests/Fuzzing", exclude: ["CLibFuzzer"], swiftSettings: swiftSettings),
  ]

// Only `launch/docs` needs what builds the documentation.
let documentation: [Package.Dependency] =
  Context.environment["RINGFLASH_DOCS"] == nil
  ? [] : [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0")]

let package = Package(
  name: "ringflash",
  products: [.executable(name: "ringflash", targets: ["ringflash"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ] + documentation,
  targets: [
    // Floor 0: the libraries of the system, and what of the system Swift cannot call.
    cModule(0, "CSystemShims"),
    systemLibrary("CMPI", pkgConfig: "ompi-c", packages: ["libopenmpi-dev", "openmpi-bin"]),
    systemLibrary("CPCRE2", pkgConfig: "libpcre2-8", packages: ["libpcre2-dev"]),
    systemLibrary("CCrypto", pkgConfig: "libcrypto", packages: ["libssl-dev"]),
    // Its pkg-config file has a flag that SwiftPM refuses, so the module map names the library.
    systemLibrary("CUTF8Proc", packages: ["libutf8proc-dev"]),

    // Floor 1: C, and what several modules above read or compute.
    cModule(1, "CMPIShims", ["CMPI"]),
    cModule(1, "CKernels"),
    module(1, "Files", ["CSystemShims"], libraries: [system]),
    module(1, "JSON"),
    module(1, "Digests", ["CCrypto"]),

    // Floor 2: one concern each.
    module(2, "MPI", ["CMPI", "CMPIShims", "CSystemShims"]),
    module(2, "Kernels", ["CKernels", "CSystemShims"]),
    module(2, "ChatTemplates"),
    module(2, "Tokenizers", ["Files", "JSON", "CPCRE2", "CUTF8Proc"]),
    module(2, "ModelFiles", ["Files", "JSON"], libraries: [system]),
    module(2, "ContextFiles", ["Files", "JSON", "Digests"], libraries: [system]),

    // Floors 3 to 6: a job of ranks, attention across them, the model, the session, and what it
    // reports.
    module(3, "Ranks", ["MPI", "Kernels", "Digests", "CSystemShims"]),
    module(4, "RingAttention", ["Ranks", "MPI", "Kernels"]),
    module(5, "Transformer", ["RingAttention", "Ranks", "MPI", "Kernels"]),
    module(
      6, "Inference",
      [
        "Transformer", "RingAttention", "Ranks", "MPI", "Kernels", "ModelFiles", "ContextFiles",
        "Files", "Digests", "JSON",
      ]),
    module(6, "Reporting", ["Files", "Digests"], libraries: [system]),
    module(6, "Planning"),

    // Floors 7 and 8: the command line, and the program around it.
    module(
      7, "CommandLine",
      [
        "Inference", "Reporting", "Planning", "Transformer", "RingAttention", "Ranks", "MPI",
        "Kernels", "ModelFiles", "ContextFiles", "Files", "Digests", "Tokenizers",
        "ChatTemplates", "JSON", "CSystemShims",
      ],
      libraries: [
        system,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Yams", package: "Yams"),
      ]),
    .executableTarget(
      name: "ringflash", dependencies: ["CommandLine"], swiftSettings: swiftSettings),

    // What tests share: plain twins of what is fast, models, the one thread that may call MPI.
    .target(
      name: "TestSupport",
      dependencies: [
        "CAllocationCounter", "Transformer", "RingAttention", "MPI", "Kernels", "ModelFiles",
        "Files",
      ],
      path: "Tests/TestSupport", swiftSettings: swiftSettings),
    .target(
      name: "CAllocationCounter", path: "Tests/CAllocationCounter", cSettings: cSettings),
    tests("TestSupport", ["Inference", "Transformer", "Kernels", "ModelFiles"], hasFixtures: true),
    tests("MPI", ["TestSupport"]),
    tests("Kernels", ["TestSupport", "CKernels"], hasFixtures: true),
    tests("Ranks", ["TestSupport", "MPI"]),
    tests("JSON"),
    tests("Files", ["TestSupport", system]),
    tests("ModelFiles", ["TestSupport", "Files"]),
    tests("Digests"),
    tests("ContextFiles", ["TestSupport", "Files", "Digests", system]),
    tests("Tokenizers", ["TestSupport", "Files", "Kernels"], hasFixtures: true),
    tests("ChatTemplates", ["Kernels"], hasFixtures: true),
    tests("RingAttention", ["TestSupport", "Ranks", "MPI", "Kernels"]),
    tests(
      "Transformer", ["TestSupport", "RingAttention", "Ranks", "MPI", "Kernels", "ModelFiles"]),
    tests(
      "Inference",
      [
        "TestSupport", "ContextFiles", "ModelFiles", "Files", "Transformer", "RingAttention",
        "Ranks", "MPI", "Kernels",
      ], hasFixtures: true),
    tests("Reporting", ["TestSupport", "Files"]),
    tests("Planning", ["RingAttention", "Kernels"], hasFixtures: true),
    tests(
      "CommandLine",
      [
        "ringflash", "TestSupport", "ChatTemplates", "ContextFiles", "Files", "Inference",
        "ModelFiles", "Planning", "Ranks", "Reporting", "RingAttention", "Tokenizers",
        "Transformer",
      ], settings: unoptimized),
  ] + fuzzTargets,
  swiftLanguageModes: [.v6]
)
