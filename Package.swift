// swift-tools-version: 6.2
import PackageDescription

// `launch/test` sets RINGFLASH_STRICT, so that a newer compiler's warnings never stop a user's build.
let strict = Context.environment["RINGFLASH_STRICT"] != nil
let swiftSettings: [SwiftSetting] = strict ? [.treatAllWarnings(as: .error)] : []
let cSettings: [CSetting] = strict ? [.treatAllWarnings(as: .error)] : []

// To compile the tests of the program for speed would take longer than to run them as they are.
let unoptimized: [SwiftSetting] = strict ? [.unsafeFlags(["-Onone"])] : []

// `launch/fuzz` sets RINGFLASH_FUZZING: then the command line is a library, which the fuzz targets
// call, and nobody else's build has a flag that is called unsafe.
let fuzzing = Context.environment["RINGFLASH_FUZZING"] != nil

func floor(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.init(stringLiteral: name)] + dependencies,
    exclude: ["ChatTemplates", "Inference", "Transformer", "Tokenizers"].contains(name)
      ? ["Fixtures"] : [],
    swiftSettings: swiftSettings)
}

/// The command line.
func program(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  fuzzing
    ? .target(
      name: name, dependencies: dependencies, exclude: ["main.swift"], swiftSettings: swiftSettings)
    : .executableTarget(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

let fuzzTargets: [Target] = [
  .systemLibrary(name: "CLibFuzzer", path: "Tests/Fuzzing/CLibFuzzer"),
  .executableTarget(
    name: "ringflash-fuzz",
    dependencies: [
      "CLibFuzzer", "ringflash", "ChatTemplates", "ContextFiles", "Digests", "Inference", "JSON",
      "Kernels", "ModelFiles", "Tokenizers", "Transformer",
    ],
    path: "Tests/Fuzzing", exclude: ["CLibFuzzer"], swiftSettings: swiftSettings),
]

let package = Package(
  name: "ringflash",
  products: [.executable(name: "ringflash", targets: ["ringflash"])].filter { _ in !fuzzing },
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.0"),
  ],
  targets: [
    // Floor 1: C.
    .systemLibrary(
      name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev", "openmpi-bin"])]),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(
      name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    // Its pkg-config file has a flag that SwiftPM refuses, so the module map names the library.
    .systemLibrary(name: "CUTF8Proc", providers: [.apt(["libutf8proc-dev"])]),
    .target(name: "CMPIShims", dependencies: ["CMPI"], cSettings: cSettings),
    .target(name: "CKernels", cSettings: cSettings),
    // Floor 1: what several modules above read or compute.
    floor("JSON"),
    floor("Digests", ["CCrypto"]),

    // Floor 2: one concern each.
    floor("MPI", ["CMPI", "CMPIShims"]),
    floor("Kernels", ["CKernels", "COpenBLAS"]),
    floor("ModelFiles", ["JSON"]),
    floor("ContextFiles", ["JSON", "ModelFiles", "Digests"]),
    floor("Tokenizers", ["JSON", "CPCRE2", "CUTF8Proc"]),
    floor("ChatTemplates"),

    // Floors 3 to 5: attention across ranks, the model, the session and what it reports.
    floor("RingAttention", ["MPI", "Kernels"]),
    floor("Transformer", ["RingAttention", "MPI", "Kernels"]),
    floor(
      "Inference",
      [
        "Transformer", "RingAttention", "MPI", "Kernels", "ModelFiles", "ContextFiles", "Digests",
        "JSON",
      ]),
    floor("Reporting", ["Digests"]),

    // Floor 6: the command line.
    program(
      "ringflash",
      [
        "Inference", "Reporting", "Transformer", "RingAttention", "MPI", "Kernels", "ModelFiles",
        "ContextFiles", "Digests", "Tokenizers", "ChatTemplates", "JSON",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Yams", package: "Yams"),
      ]),

    // What all tests that call MPI share: the one thread that may.
    .target(
      name: "RankTesting", dependencies: ["MPI"], path: "Tests/RankTesting",
      swiftSettings: swiftSettings),
    tests("MPI", ["RankTesting"]),
    tests("Kernels", []),
    tests("JSON", []),
    tests("ModelFiles", []),
    tests("Digests", []),
    tests("ContextFiles", ["Digests"]),
    tests("Tokenizers", []),
    tests("ChatTemplates", []),
    tests("RingAttention", ["RankTesting", "MPI", "Kernels"]),
    tests("Transformer", ["RankTesting", "RingAttention", "MPI", "Kernels"]),
    tests(
      "Inference",
      [
        "RankTesting", "ContextFiles", "ModelFiles", "Transformer", "RingAttention", "MPI",
        "Kernels",
      ]),
    tests("Reporting", []),
    .testTarget(
      name: "CommandLineTests",
      dependencies: [
        "ringflash", "ChatTemplates", "ContextFiles", "Inference", "ModelFiles", "Transformer",
      ],
      swiftSettings: swiftSettings + unoptimized),
  ] + (fuzzing ? fuzzTargets : []),
  swiftLanguageModes: [.v6]
)
