import Foundation
import ModelFiles
import TestSupport
import Testing

struct GGUFFileTests {
  /// A model as small as can be.
  static func model() -> GGUFWriter {
    GGUFWriter(
      metadata: [
        ("general.architecture", .text("qwen3")), ("qwen3.block_count", .uint32(1)),
        ("qwen3.context_length", .uint32(64)), ("qwen3.embedding_length", .uint32(4)),
        ("qwen3.feed_forward_length", .uint32(8)), ("qwen3.attention.head_count", .uint32(2)),
        ("qwen3.attention.layer_norm_rms_epsilon", .float32(1e-6)),
      ],
      items: [
        GGUFWriter.Item("token_embd.weight", [4, 2], [UInt8](repeating: 0, count: 32)),
        .floats("output_norm.weight", [1, 2, 3, 4]),
      ])
  }

  private func expectRefused(
    _ bytes: [UInt8], _ unsupported: Bool = false, naming words: [String],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("m.gguf", bytes)
    expectError(
      unsupported ? .unsupported : .malformed, naming: words + [path],
      sourceLocation: sourceLocation
    ) { _ = try GGUFModel(path: path) }
  }

  @Test func metadataOfEveryTypeIsReadAsItIs() throws {
    let directory = try TemporaryDirectory()
    var file = Self.model()
    file.version = 2
    file.metadata += [
      ("u", .uint64(1 << 40)), ("i", .int32(-3)), ("f", .float64(0.1)), ("b", .boolean(true)),
      ("s", .string([0xff, 0])), ("t", .text("é")), ("ts", .texts(["a", "", "bc"])),
      ("is", .int32s([-1, 5])), ("fs", .float32s([0.5])), ("bs", .booleans([true, false])),
      ("u8", .raw(type: 0, [200])), ("i8", .raw(type: 1, [200])),
      ("u16", .raw(type: 2, [1, 2])), ("i16", .raw(type: 3, [255, 255])),
      ("i64", .raw(type: 11, [UInt8](repeating: 255, count: 8))),
      ("large", .uint64(.max)), ("empty", .texts([])),
    ]
    let metadata = try GGUFModel(path: directory.write("m.gguf", file.bytes)).metadata
    #expect(try metadata.integer("u") == 1 << 40)
    #expect(try metadata.integer("i") == -3)
    #expect(try metadata.number("i") == -3)
    #expect(try metadata.number("f") == 0.1)
    #expect(try metadata.boolean("b") == true)
    #expect(try metadata.bytes("s") == [0xff, 0])
    #expect(try metadata.string("t") == "é")
    #expect(try metadata.byteStrings("ts") == [[0x61], [], [0x62, 0x63]])
    #expect(try metadata.integers("is") == [-1, 5])
    #expect(try metadata.numbers("fs") == [0.5])
    #expect(try metadata.booleans("bs") == [true, false])
    #expect(try metadata.count("ts") == 3)
    #expect(try metadata.byteStrings("empty") == [])
    for (key, value) in [("u8", 200), ("i8", -56), ("u16", 513), ("i16", -1), ("i64", -1)] {
      #expect(try metadata.integer(key) == value, "\(key)")
    }
    #expect(try metadata.integer("absent") == nil && metadata.contains("u"))
    let wrong: [(String, () throws -> Any?)] = [
      ("t", { try metadata.integer("t") }), ("is", { try metadata.integer("is") }),
      ("f", { try metadata.integer("f") }), ("i", { try metadata.boolean("i") }),
      ("i", { try metadata.string("i") }), ("s", { try metadata.string("s") }),
      ("ts", { try metadata.integers("ts") }), ("t", { try metadata.byteStrings("t") }),
      ("large", { try metadata.integer("large") }), ("b", { try metadata.number("b") }),
      ("b", { try metadata.count("b") }),
    ]
    for (key, lookUp) in wrong {
      expectError(.malformed, naming: ["\"\(key)\"", "m.gguf"], key) { _ = try lookUp() }
    }
  }

  @Test func tensorsLieWhereTheTableSays() throws {
    let directory = try TemporaryDirectory()
    for alignment in [32, 64, 1] {
      var file = Self.model()
      file.alignment = alignment
      file.metadata.append(("general.alignment", .uint32(UInt32(alignment))))
      // So that without an alignment what follows is at an odd place.
      file.items.insert(GGUFWriter.Item("blk.0.x", type: 8, [32], .init(0..<34)), at: 0)
      file.metadata.append(("odd", .text(alignment == 1 ? "a" : "ab")))
      let tensors = try GGUFModel(path: directory.write("m.gguf", file.bytes)).openTensors()
      #expect(tensors.names == ["blk.0.x", "model.embed_tokens.weight", "model.norm.weight"])
      #expect(tensors.tensor(named: "model.embed_tokens.weight")?.shape == [2, 4])
      #expect(tensors.storedName(of: "model.norm.weight") == "output_norm.weight")
      let quantized = try #require(tensors.tensor(named: "blk.0.x"))
      #expect(quantized.elementType == .q80 && Array(quantized.bytes) == Array(0..<34))
      let norm = try #require(tensors.tensor(named: "model.norm.weight"))
      #expect(Int(bitPattern: norm.bytes.baseAddress) % 4 == 0)
      #expect(Array(norm.bytes.bindMemory(to: Float.self)) == [1, 2, 3, 4])
      withExtendedLifetime(norm) {}
    }
  }

  @Test func sizesOfBlocksAreGGMLs() {
    let expected: [TensorElementType: (Int, Int)] = [
      .float32: (1, 4), .float16: (1, 2), .bfloat16: (1, 2), .q40: (32, 18), .q41: (32, 20),
      .q50: (32, 22), .q51: (32, 24), .q80: (32, 34), .q2K: (256, 84), .q3K: (256, 110),
      .q4K: (256, 144), .q5K: (256, 176), .q6K: (256, 210), .iq4NL: (32, 18), .iq4XS: (256, 136),
      .mxfp4: (32, 17),
    ]
    for (type, (elements, bytes)) in expected {
      #expect(type.elementsPerBlock == elements && type.bytesPerBlock == bytes, "\(type)")
    }
    #expect(TensorElementType.allCases.filter(\.isQuantized).allSatisfy { expected[$0] != nil })
  }

  // MARK: Files that break the format

  /// A file that is cut short anywhere is an error, and never a crash.
  @Test func everyCutIsRefused() throws {
    let directory = try TemporaryDirectory()
    let bytes = Self.model().bytes
    for count in 1..<bytes.count {
      let path = try directory.write("m.gguf", Array(bytes[..<count]))
      expectError(.malformed, naming: ["cut short"], "\(count) bytes") {
        _ = try GGUFModel(path: path)
      }
    }
    #expect(throws: Never.self) {
      try GGUFModel(path: directory.write("m.gguf", bytes + [1, 2, 3]))
    }
  }

  @Test func brokenFilesAreRefused() throws {
    let large = UInt64.max - 3
    typealias Change = (inout GGUFWriter) -> Void
    let cases: [(words: [String], unsupported: Bool, change: Change)] = [
      (["no GGUF", "4747"], false, { $0.magic = Array("GGML".utf8) }),
      (["version 1", "2 and 3"], true, { $0.version = 1 }),
      (["version 4"], true, { $0.version = 4 }),
      (["big-endian"], true, { $0.version = 3 << 24 }),
      (["tensors", "cut short"], false, { $0.tensorCount = large }),
      (["metadata", "cut short"], false, { $0.metadataCount = large }),
      (["tensor 2 has no name"], false, { $0.tensorCount = 3 }),
      (["unknown type 13"], false, { $0.metadata.append(("k", .raw(type: 13, [1]))) }),
      (
        ["\"k\"", "array of arrays"], true,
        { $0.metadata.append(("k", .raw(type: 9, [9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]))) }
      ),
      (
        ["\"k\"", "cut short"], false,
        {
          $0.metadata.append(
            ("k", .raw(type: 9, [10, 0, 0, 0] + [UInt8](repeating: 0xff, count: 8))))
        }
      ),
      (
        ["\"k\"", "cut short"], false,
        { $0.metadata.append(("k", .raw(type: 8, [UInt8](repeating: 0x7f, count: 8)))) }
      ),
      (
        ["\"odd\"", "twice"], false, { $0.metadata += [("odd", .uint32(1)), ("odd", .uint32(2))] }
      ),
      (["\"token_embd.weight\"", "two tensors"], false, { $0.items[1].name = $0.items[0].name }),
      (["overlap"], false, { $0.items[1].offset = 0 }),
      (["alignment, 32"], false, { $0.items[1].offset = 4 }),
      (["alignment"], false, { $0.items[1].offset = large }),
      (["cut short", "output_norm.weight"], false, { $0.items[1].offset = 1 << 62 }),
      (["alignment", "33"], false, { $0.metadata.append(("general.alignment", .uint32(33))) }),
      (["alignment"], false, { $0.metadata.append(("general.alignment", .uint32(0))) }),
      (["5 dimensions"], false, { $0.items[1].dimensions = [1, 1, 1, 1, 4] }),
      (["size overflows"], false, { $0.items[1].dimensions = [1 << 40, 1 << 40] }),
      (["dimension"], false, { $0.items[1].dimensions = [large] }),
      (["output_norm.weight", "Q8_K", "llama-quantize"], true, { $0.items[1].type = 15 }),
      (["output_norm.weight", "IQ3_S", "Q4_K"], true, { $0.items[1].type = 21 }),
      (["output_norm.weight", "NVFP4"], true, { $0.items[1].type = 40 }),
      (["unknown number, 99"], true, { $0.items[1].type = 99 }),
      (["rows of 4", "Q4_K", "256"], false, { $0.items[1].type = 12 }),
      (["rows of 4", "Q8_0", "32"], false, { $0.items[1].type = 8 }),
    ]
    for (words, unsupported, change) in cases {
      var file = Self.model()
      change(&file)
      try expectRefused(file.bytes, unsupported, naming: words)
    }
    // A name of one byte that is no UTF-8.
    var file = Self.model()
    file.metadata.append(("?", .uint32(1)))
    var bytes = file.bytes
    bytes[try #require(bytes.firstIndex(of: UInt8(ascii: "?")))] = 0xff
    try expectRefused(bytes, naming: ["not UTF-8"])
    try expectRefused(
      Array("version https://git-lfs.github.com/spec/v1\n".utf8), naming: ["Git LFS pointer"])
  }

  @Test func filesThatAreNotThereAreSaidToBe() throws {
    let directory = try TemporaryDirectory()
    for path in ["\(directory.path)/m.gguf", directory.path + "/x/m-00001-of-00002.gguf"] {
      expectError(.notFound, naming: [path]) { _ = try StoredModels.model(at: path) }
    }
  }
}
