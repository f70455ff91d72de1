import ContextFiles
import Digests
import Files
import Foundation
import TestSupport
import Testing

/// What a manifest may say, and what not.
@Suite struct ContextManifestTests {
  private static let manifest: ContextManifest = {
    let checksum = Array("x".utf8).withUnsafeBytes { Checksum(of: $0) }
    return ContextManifest(
      description: SampleContext(in: "/nowhere").description, finishedLayers: 2,
      prefillMilliseconds: 5, tokens: checksum, blocks: [checksum, checksum, checksum],
      activations: [checksum, checksum, checksum])
  }()

  private func read(_ json: String) throws -> ContextManifest {
    try Array(json.utf8).withUnsafeBytes { try ContextManifest(bytes: $0, path: "m.json") }
  }

  private var text: String {
    get throws { String(decoding: try Self.manifest.json(), as: UTF8.self) }
  }

  @Test func isReadAsItWasWritten() throws {
    #expect(try read(text) == Self.manifest)
    var plain = Self.manifest
    plain.description.chat = nil
    #expect(try read(String(decoding: plain.json(), as: UTF8.self)) == plain)
    plain.description.chat = .init(system: nil, separated: false)
    #expect(try read(String(decoding: plain.json(), as: UTF8.self)) == plain)
    #expect(!String(decoding: try plain.json(), as: UTF8.self).contains("variables"))
    plain.description.chat?.variables = ["a": "\"é\"", "b_C": "false"]
    #expect(try read(String(decoding: plain.json(), as: UTF8.self)) == plain)
  }

  /// A variable of the chat template counts into the checksum as all else does.
  @Test func aChangedVariableIsFound() throws {
    var manifest = Self.manifest
    manifest.description.chat?.variables = ["a": "1"]
    let text = String(decoding: try manifest.json(), as: UTF8.self)
    for change in ["\"a\" : \"2\"", "\"b\" : \"1\""] {
      let changed = text.replacing("\"a\" : \"1\"", with: change)
      #expect(changed != text)
      let error = #expect(throws: FileError.self) { try read(changed) }
      #expect(error?.description.contains("checksum") == true, "\(error as Any)")
    }
  }

  /// Another order and other white space say the same.
  @Test func layoutDoesNotMatter() throws {
    let object = try JSONSerialization.jsonObject(with: Self.manifest.json())
    let compact = try JSONSerialization.data(withJSONObject: object)
    #expect(try read(String(decoding: compact, as: UTF8.self)) == Self.manifest)
  }

  /// Rank 0 broadcasts it so.
  @Test func codable() throws {
    let decoded = try JSONDecoder().decode(
      ContextManifest.self, from: JSONEncoder().encode(Self.manifest))
    #expect(decoded == Self.manifest)
  }

  /// Every value but the file's own checksum counts into it.
  @Test func everyChangeIsFound() throws {
    let text = try text
    for (key, change) in [
      ("\"ringflash_version\" : \"1.2.3\"", "\"ringflash_version\" : \"1.2.4\""),
      ("\"name\" : \"some/model\"", "\"name\" : \"some/mode1\""),
      ("\"path\" : \"/some/model\"", "\"path\" : \"/etc\""),
      ("\"identity\" : \"abc\"", "\"identity\" : \"abd\""),
      ("\"random_weights\" : false", "\"random_weights\" : true"),
      ("\"precision\" : \"bf16\"", "\"precision\" : \"fp32\""),
      ("\"instruction_set\" : \"avx2\"", "\"instruction_set\" : \"avx512\""),
      ("\"query_heads\" : 4", "\"query_heads\" : 2"),
      ("\"key_value_heads\" : 2", "\"key_value_heads\" : 1"),
      ("\"head_dimension\" : 3", "\"head_dimension\" : 4"),
      ("\"padded_head_dimension\" : 16", "\"padded_head_dimension\" : 32"),
      ("\"hidden_size\" : 5", "\"hidden_size\" : 6"),
      ("\"block_bytes\" : 100", "\"block_bytes\" : 101"),
      ("\"arrangement\" : \"rows\"", "\"arrangement\" : \"panels\""),
      ("\"layers\" : 3", "\"layers\" : 4"), ("\"tokens\" : 10", "\"tokens\" : 11"),
      ("\"finished_layers\" : 2", "\"finished_layers\" : 1"),
      ("\"prefill_milliseconds\" : 5", "\"prefill_milliseconds\" : 6"),
      ("\"separated\" : true", "\"separated\" : false"), ("Be ", "be "),
      ("\"tokens_sha256\" : \"2", "\"tokens_sha256\" : \"3"),
      ("\"format_version\" : 1", "\"format_version\" : 2"),
    ] {
      let changed = text.replacingOccurrences(of: key, with: change)
      #expect(changed != text, "\(key)")
      expectError(.malformed, naming: ["m.json", "checksum"], key) { _ = try read(changed) }
    }
  }

  /// What was saved before layers could differ is read, and where they are alike nothing has changed.
  @Test func layersThatAreAlikeAreSaidAsBefore() throws {
    let text = try text
    #expect(text.contains("\"format_version\" : 1") && text.contains("\"query_heads\" : 4"))
    // Computed apart from this program.
    let checksum = "9db5f7bf6fb807791414598f63044f54d269050dbb6676baad163522c1e79dbe"
    #expect(text.contains("\"manifest_sha256\" : \"\(checksum)\""))
    #expect(try read(text).description.layout.layers == nil)
  }

  private static func differing() -> ContextManifest {
    var manifest = manifest
    manifest.description.layout = .init(
      layers: [(4, 2), (6, 1), (4, 2)].map {
        .init(
          queryHeads: $0, keyValueHeads: $1, headDimension: 3, paddedHeadDimension: 16,
          blockBytes: 50 * $1)
      }, hiddenSize: 5, tokensPerBlock: 4, arrangement: "rows")
    return manifest
  }

  @Test func layersMayDiffer() throws {
    let manifest = Self.differing()
    let text = String(decoding: try manifest.json(), as: UTF8.self)
    #expect(text.contains("\"format_version\" : 2"))
    #expect(try read(text) == manifest)
    #expect(
      try JSONDecoder().decode(ContextManifest.self, from: JSONEncoder().encode(manifest))
        == manifest)
    #expect((0...3).map(manifest.description.layout.blockBytes(layers:)) == [0, 100, 150, 250])
    #expect(Self.manifest.description.layout.blockBytes(layers: 3) == 300)
    for (key, change) in [("\"query_heads\" : 6", "7"), ("\"block_bytes\" : 50", "51")] {
      let changed = text.replacing(key, with: key.dropLast(2) + change)
      #expect(changed != text)
      expectError(.malformed, naming: ["m.json"], key) { _ = try read(changed) }
    }
    var other = manifest.description
    other.layout.layers?[1].blockBytes = 60
    expectError(.mismatch, naming: ["another order"]) {
      try manifest.description.check(against: other, path: "d")
    }
    // There is one for each layer.
    var fewer = manifest
    fewer.description.layout.layers?.removeLast()
    let json = String(decoding: try fewer.json(), as: UTF8.self)
    expectError(.malformed, naming: ["layout.layers", "3"]) { _ = try read(json) }
  }

  private static func extending(finished: Bool = false) -> ContextManifest {
    var manifest = manifest
    manifest.description.base = .init(
      tokens: 6, path: "/saved/base", manifest: manifest.tokens, rotationTokens: 77)
    manifest.activations = Array(repeating: manifest.tokens, count: finished ? 1 : 2)
    manifest.baseTail = finished ? nil : manifest.tokens
    if finished { manifest.finishedLayers = 3 }
    return manifest
  }

  @Test(arguments: [false, true])
  func aBaseIsReadAsItWasWritten(finished: Bool) throws {
    let manifest = Self.extending(finished: finished)
    let text = String(decoding: try manifest.json(), as: UTF8.self)
    #expect(text.contains("\"format_version\" : 3"))
    #expect(text.contains("base_tail_sha256") == !finished)
    #expect(try read(text) == manifest)
    #expect(
      try JSONDecoder().decode(ContextManifest.self, from: JSONEncoder().encode(manifest))
        == manifest)
    // 6 tokens of 10 are the base's, in blocks of 4.
    let description = manifest.description
    #expect(description.baseBlocks == 1 && description.sharedBlock == 1)
    #expect((0..<3).map(description.ownTokens(ofBlock:)) == [0, 2, 2])
    #expect(description.activationBytes == 4 * 20 && description.keyValueBytes(layers: 2) == 400)
    #expect(manifest.bytes == (finished ? 300 + 600 + 40 + 20 : 2 * 300 + 400 + 40 + 80))
    for (key, change) in [
      ("\"rotation_tokens\" : 77", "\"rotation_tokens\" : 78"),
      ("\"path\" : \"/saved/base\"", "\"path\" : \"/saved/bass\""),
      ("\"tokens\" : 6", "\"tokens\" : 7"), ("\"format_version\" : 3", "\"format_version\" : 1"),
      ("\"manifest_sha256\" : \"2", "\"manifest_sha256\" : \"3"),
    ] + (finished ? [] : [("\"base_tail_sha256\" : \"2", "\"base_tail_sha256\" : \"3")]) {
      let changed = text.replacingOccurrences(of: key, with: change)
      #expect(changed != text, "\(key)")
      expectError(.malformed, naming: ["m.json"], key) { _ = try read(changed) }
    }
    for (key, changes) in [
      ("\"tokens\" : 6", ["0", "10", "11", "-1", "null", "9223372036854775807"]),
      ("\"rotation_tokens\" : 77", ["0", "2147483648", "\"7\""]),
      ("\"path\" : \"/saved/base\"", ["\"\"", "\"a\\u0000b\"", "1"]),
      ("\"base\" : {", ["[{", "null, \"a\" : {"]),
    ] {
      let name = key.prefix { $0 != ":" }
      for value in changes {
        let changed = text.replacingOccurrences(of: key, with: "\(name): \(value)")
        #expect(changed != text, "\(key)")
        expectError(.malformed, naming: ["m.json"], "\(key) as \(value)") { _ = try read(changed) }
      }
    }
  }

  /// A base that would leave no block of its own, and one without its tail.
  @Test func basesThatDoNotFit() throws {
    for change in [
      { (manifest: inout ContextManifest) in manifest.baseTail = nil },
      { $0.activations.append($0.tokens) }, { $0.description.base?.tokens = 10 },
      { $0.description.tokens = 1 },
    ] {
      var manifest = Self.extending()
      change(&manifest)
      let json = String(decoding: try manifest.json(), as: UTF8.self)
      expectError(.malformed, naming: ["m.json"]) { _ = try read(json) }
    }
  }

  @Test func newerFormat() throws {
    let newer = try text.replacingOccurrences(
      of: "\"format_version\" : 1", with: "\"format_version\" : 4")
    expectError(.unsupported, naming: ["m.json", "1.2.3", "format 4", "format 3"]) {
      _ = try read(newer)
    }
  }

  /// Numbers out of their ranges, of other types, and such that sizes would overflow.
  @Test(arguments: [
    (
      "\"tokens\" : 10",
      ["0", "-1", "9223372036854775807", "1e300", "\"10\"", "null", "2147483648"]
    ),
    ("\"layers\" : 3", ["0", "65537", "1.5"]),
    ("\"finished_layers\" : 2", ["0", "4", "-1", "18446744073709551616"]),
    ("\"block_bytes\" : 100", ["0", "1073741825", "-100"]),
    ("\"tokens_per_block\" : 4", ["0", "-4", "65537", "3"]),
    ("\"hidden_size\" : 5", ["0", "1048577"]),
    ("\"format_version\" : 1", ["0", "-1", "true"]),
    ("\"prefill_milliseconds\" : 5", ["-1", "1e18"]),
    ("\"path\" : \"/some/model\"", ["\"\"", "\"a\\u0000b\"", "7"]),
    ("\"format\" : \"ringflash context\"", ["\"other\"", "null"]),
    ("\"chat\" : {", ["[{"]),
  ])
  func hostileValues(key: String, values: [String]) throws {
    let text = try text
    let name = key.prefix { $0 != ":" }
    for value in values {
      let changed = text.replacingOccurrences(of: key, with: "\(name): \(value)")
      #expect(changed != text, "\(key)")
      expectError(.malformed, naming: ["m.json"], "\(key) as \(value)") { _ = try read(changed) }
    }
  }

  @Test(arguments: [
    "", "{}", "[]", "null", "{\"format\": \"ringflash context\"}", "{\"format\": 1}", "\u{0}",
    String(repeating: "[", count: 1000),
    "{\"format\": \"ringflash context\", \"format_version\": 9}",
  ])
  func otherTexts(text: String) {
    expectError(.malformed, naming: ["m.json"], text) { _ = try read(text) }
  }

  /// One that is cut short anywhere is found out.
  @Test func everyPrefix() throws {
    let bytes = try Array(Self.manifest.json())
    for length in 0..<bytes.count - 2 {
      let prefix = String(decoding: bytes[..<length], as: UTF8.self)
      expectError(.malformed, naming: ["m.json"], "\(length)") { _ = try read(prefix) }
    }
  }

  @Test func wrongNumbersOfChecksums() throws {
    for change in [
      { (manifest: inout ContextManifest) in manifest.blocks.removeLast() },
      { $0.blocks.append($0.tokens) }, { $0.activations.removeAll() },
      { $0.finishedLayers = 3 },  // then there is one of activations
      { $0.description.tokens = 2_000_000_000 },
    ] {
      var manifest = Self.manifest
      change(&manifest)
      let json = String(decoding: try manifest.json(), as: UTF8.self)
      expectError(.malformed, naming: ["m.json"]) { _ = try read(json) }
    }
  }

  /// A text that is longer than any manifest is not parsed at all.
  @Test func tooLong() throws {
    let text = String(repeating: " ", count: 1 << 24) + "{}"
    expectError(.malformed, naming: ["m.json", "too long"]) { _ = try read(text) }
  }

  @Test func mismatches() throws {
    let saved = Self.manifest.description
    try saved.check(against: saved, path: "d")
    for (change, words) in [
      ({ (other: inout ContextDescription) in other.precision = "fp32" }, ["bf16", "--precision"]),
      ({ $0.model.identity = "x" }, ["another model", "some/model"]),
      ({ $0.model.randomWeights = true }, ["another model", "random weights"]),
      ({ $0.instructionSet = "avx512" }, ["avx2", "avx512", "RINGFLASH_ISA=avx2"]),
      ({ $0.layout.arrangement = "panels" }, ["another order"]),
      ({ $0.layers = 4 }, ["another order"]),
    ] {
      var other = saved
      change(&other)
      expectError(.mismatch, naming: ["'d'"] + words) { try saved.check(against: other, path: "d") }
    }
    let extended = Self.extending().description
    try extended.check(against: extended, path: "d")
    try extended.check(against: saved, path: "d")
    try saved.check(against: extended, path: "d")
    for change in [
      { (other: inout ContextDescription) in other.base?.rotationTokens = 78 },
      { $0.base?.tokens = 5 },
    ] {
      var other = extended
      change(&other)
      expectError(.mismatch, naming: ["'d'", "6 tokens", "77"]) {
        try extended.check(against: other, path: "d")
      }
      // One that extends it.
      other.tokens = 20
      try extended.check(against: other, path: "d")
    }
    var moved = saved
    moved.model.path = "/elsewhere"
    moved.model.name = "elsewhere"
    moved.version = "9"
    try saved.check(against: moved, path: "d")
  }
}
