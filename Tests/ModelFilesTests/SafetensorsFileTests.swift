import Files
import ModelFiles
import TestSupport
import Testing

struct SafetensorsFileTests {
  @Test func tensorsAreFoundWithTypeShapeAndBytes() throws {
    let directory = try TemporaryDirectory()
    let header =
      #"{"__metadata__":{"format":"pt"},"# + entry("b", "BF16", "[2,3]", 8, 20) + ","
      + entry("a", "F32", "[2]", 0, 8) + "," + entry("none", "I64", "[4,0]", 20, 20) + ","
      + entry("scalar", "U8", "[]", 20, 21) + "}   "
    let path = try directory.write("model.safetensors", safetensors(header, dataCount: 21))
    let file = try SafetensorsFile(path: path)
    #expect(file.names == ["a", "b", "none", "scalar"])
    #expect(file.metadata == ["format": "pt"])
    let expected: [(String, TensorElementType, [Int], Range<UInt8>)] = [
      ("a", .float32, [2], 0..<8), ("b", .bfloat16, [2, 3], 8..<20),
      ("none", .integer64, [4, 0], 20..<20),
      ("scalar", .unsignedInteger8, [], 20..<21),
    ]
    for (name, type, shape, bytes) in expected {
      let tensor = try #require(file.tensor(named: name))
      #expect(tensor.name == name)
      #expect(tensor.elementType == type)
      #expect(tensor.shape == shape)
      #expect(tensor.bytes.elementsEqual(bytes), "\(name)")
    }
    #expect(file.tensor(named: "c") == nil)
    #expect(file.tensor(named: "__metadata__") == nil)
  }

  @Test func everyElementTypeHasItsSize() throws {
    let directory = try TemporaryDirectory()
    for type in TensorElementType.ofSafetensors {
      let count = 3 * type.bytesPerBlock
      let header = "{" + entry("t", type.rawValue, "[3]", 0, count) + "}"
      let file = try SafetensorsFile(
        path: try directory.write("f", safetensors(header, dataCount: count)))
      #expect(file.tensor(named: "t")?.elementType == type)
      let wrong = "{" + entry("t", type.rawValue, "[3]", 0, count + 1) + "}"
      let path = try directory.write("g", safetensors(wrong, dataCount: count + 1))
      expectError(.malformed, naming: ["\"t\""]) { _ = try SafetensorsFile(path: path) }
    }
    // GGUF's names mean nothing here.
    let quantized = try directory.write(
      "q", safetensors("{" + entry("t", "Q8_0", "[32]", 0, 34) + "}", dataCount: 34))
    expectError(.unsupported, naming: ["\"t\"", "Q8_0"]) {
      _ = try SafetensorsFile(path: quantized)
    }
    let expected: [String: Int] = [
      "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1, "F8_E8M0": 1, "U16": 2, "I16": 2,
      "F16": 2, "BF16": 2,
      "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8,
    ]
    for type in TensorElementType.ofSafetensors {
      #expect(type.bytesPerBlock == expected[type.rawValue])
    }
  }

  @Test func aTensorKeepsTheFileMappedAndUnalignedOnesAreAligned() throws {
    let directory = try TemporaryDirectory()
    for padding in 0..<8 {
      let header =
        "{" + entry("t", "F32", "[2]", 0, 8) + "}" + String(repeating: " ", count: padding)
      let path = try directory.write("f", safetensors(header, dataCount: 8))
      // The file object is gone after this line.
      let tensor = try #require(try SafetensorsFile(path: path).tensor(named: "t"))
      #expect(UInt(bitPattern: tensor.bytes.baseAddress) % 4 == 0)
      #expect(tensor.bytes.elementsEqual(0..<8), "\(padding) spaces after the header")
    }
  }

  @Test func aFileCutShortAnywhereIsRefusedAndSoIsOneWithMoreAtItsEnd() throws {
    let directory = try TemporaryDirectory()
    let whole = safetensors(
      "{" + entry("a", "F32", "[2]", 0, 8) + "," + entry("b", "BF16", "[3]", 8, 14) + "}",
      dataCount: 14)
    for count in 0..<whole.count {
      let path = try directory.write("cut.safetensors", Array(whole[..<count]))
      expectError(.malformed, naming: [path, count == 0 ? "empty" : "cut short"], "\(count) bytes")
      {
        _ = try SafetensorsFile(path: path)
      }
    }
    for extra in [1, 8, 5000] {
      let path = try directory.write(
        "long.safetensors", whole + [UInt8](repeating: 0, count: extra))
      expectError(.malformed, naming: [path, "\(extra) bytes follow"]) {
        _ = try SafetensorsFile(path: path)
      }
    }
  }

  @Test func aHeadersLengthIsBounded() throws {
    let directory = try TemporaryDirectory()
    let cases: [(length: UInt64, word: String)] = [
      (3, "cut short"), (100_000_000, "cut short"), (100_000_001, "100000001"), (1 << 63, "limit"),
      (.max, "limit"),
    ]
    for (length, word) in cases {
      let path = try directory.write(
        "f", withUnsafeBytes(of: length.littleEndian) { Array($0) } + [0x7b, 0x7d])
      expectError(.malformed, naming: [path, word], "\(length)") {
        _ = try SafetensorsFile(path: path)
      }
    }
  }

  @Test func headersThatContradictTheFormatAreRefused() throws {
    let directory = try TemporaryDirectory()
    let huge = Int.max
    let cases: [(header: String, dataCount: Int, words: [String])] = [
      ("", 0, ["JSON"]), ("not JSON", 0, ["JSON"]), ("[]", 0, ["object"]), ("{", 0, ["JSON"]),
      (String(repeating: "[", count: 1_000_000), 0, ["nesting"]),
      (#"{"t":1}"#, 0, ["\"t\"", "object"]), (#"{"t":{}}"#, 0, ["\"t.dtype\""]),
      (#"{"t":{"dtype":"F32","shape":[1]}}"#, 4, ["data_offsets"]),
      (#"{"t":{"dtype":"F32","data_offsets":[0,4]}}"#, 4, ["shape"]),
      (#"{"t":{"dtype":7,"shape":[1],"data_offsets":[0,4]}}"#, 4, ["dtype"]),
      (#"{"t":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}"#, 4, ["shape[0]"]),
      (#"{"t":{"dtype":"F32","shape":[0.5],"data_offsets":[0,4]}}"#, 4, ["shape[0]"]),
      (#"{"t":{"dtype":"F32","shape":"1","data_offsets":[0,4]}}"#, 4, ["shape"]),
      (#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0]}}"#, 4, ["data_offsets"]),
      (#"{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}}"#, 4, ["data_offsets"]),
      ("{" + entry("t", "F32", "[-1]", 0, 4) + "}", 4, ["negative"]),
      ("{" + entry("t", "F32", "[-1,-1]", 0, 4) + "}", 4, ["negative"]),
      ("{" + entry("t", "F32", "[\(huge)]", 0, 4) + "}", 4, ["overflows"]),
      ("{" + entry("t", "U8", "[4294967296,4294967296]", 0, 0) + "}", 0, ["overflows"]),
      ("{" + entry("t", "U8", "[99999999999999999999]", 0, 0) + "}", 0, ["shape[0]"]),
      ("{" + entry("t", "F32", "[1]", -4, 0) + "}", 4, ["data_offsets"]),
      ("{" + entry("t", "F32", "[1]", 4, 0) + "}", 4, ["data_offsets"]),
      ("{" + entry("t", "F32", "[1]", 0, 3) + "}", 3, ["3 bytes", "needs 4"]),
      ("{" + entry("t", "F32", "[1]", 0, 8) + "}", 8, ["8 bytes", "needs 4"]),
      ("{" + entry("t", "F32", "[1]", 4, 8) + "}", 8, ["4 bytes", "belong to no tensor"]),
      ("{" + entry("t", "U8", "[\(huge)]", 0, huge) + "}", 4, ["cut short"]),
      ("{" + entry("t", "U8", "[4]", huge - 4, huge) + "}", 4, ["belong to no tensor"]),
      (
        "{" + entry("a", "U8", "[4]", 0, 4) + "," + entry("b", "U8", "[4]", 2, 6) + "}", 6,
        ["\"a\"", "\"b\"", "overlap"]
      ),
      (
        "{" + entry("a", "U8", "[4]", 0, 4) + "," + entry("b", "U8", "[4]", 0, 4) + "}", 4,
        ["overlap"]
      ),
      (
        "{" + entry("a", "U8", "[6]", 0, 6) + "," + entry("none", "U8", "[0]", 2, 2) + "}", 6,
        ["overlap"]
      ),
      (
        "{" + entry("a", "U8", "[4]", 0, 4) + "," + entry("b", "U8", "[4]", 5, 9) + "}", 9,
        ["1 bytes", "\"a\"", "\"b\""]
      ),
      (
        "{" + entry("a", "U8", "[4]", 0, 4) + "," + entry("b", "U8", "[4]", 4, 8) + "}", 7,
        ["cut short"]
      ),
      (
        "{" + entry("a", "U8", "[1]", 0, 1) + "," + entry("a", "U8", "[1]", 1, 2) + "}", 2,
        ["twice"]
      ),
      // Two keys to JSON, one text to Unicode.
      (
        "{" + entry("\u{e9}", "U8", "[1]", 0, 1) + "," + entry("e\u{301}", "U8", "[1]", 1, 2) + "}",
        2, ["two spellings"]
      ),
      (#"{"__metadata__":{"a":1}}"#, 0, ["__metadata__.a"]),
      (#"{"__metadata__":[]}"#, 0, ["__metadata__"]),
      ("{}", 1, ["1 bytes follow"]),
    ]
    for (header, dataCount, words) in cases {
      let path = try directory.write("f.safetensors", safetensors(header, dataCount: dataCount))
      expectError(.malformed, naming: [path] + words, String(header.prefix(120))) {
        _ = try SafetensorsFile(path: path)
      }
    }
    let invalid = safetensors("{\"", dataCount: 0) + [0xff]
    let path = try directory.write("f.safetensors", [UInt8(invalid.count - 8)] + invalid[1...])
    expectError(.malformed, naming: [path]) { _ = try SafetensorsFile(path: path) }
  }

  @Test func anUnknownElementTypeIsUnsupportedNotMalformed() throws {
    let directory = try TemporaryDirectory()
    for type in ["F4", "F6_E2M3", "bf16", ""] {
      let path = try directory.write(
        "f.safetensors", safetensors("{" + entry("t", type, "[2]", 0, 1) + "}", dataCount: 1))
      expectError(.unsupported, naming: [path, "\"t\"", "\"\(type)\""]) {
        _ = try SafetensorsFile(path: path)
      }
    }
  }

  @Test func damagedBytesNeverCrashTheReader() throws {
    let directory = try TemporaryDirectory()
    let whole = safetensors(
      #"{"__metadata__":{"k":"v"},"# + entry("a", "F32", "[2]", 0, 8) + ","
        + entry("b", "BF16", "[3]", 8, 14)
        + "}", dataCount: 14)
    for bit in 0..<(8 * (whole.count - 14)) {
      var damaged = whole
      damaged[bit / 8] ^= 1 << (bit % 8)
      let path = try directory.write("f.safetensors", damaged)
      do {
        let file = try SafetensorsFile(path: path)
        for name in file.names { _ = file.tensor(named: name)?.bytes.reduce(0, &+) }
      } catch let error as FileError {
        #expect("\(error)".contains(path), "bit \(bit) flipped")
      }
    }
  }
}
