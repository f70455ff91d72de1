import JSON
import Testing

struct JSONDocumentTests {
  /// Expects `body` to throw a `JSONError` whose sentence holds all of `words`.
  private func expectError(
    naming words: [String], _ comment: String = "",
    sourceLocation: SourceLocation = #_sourceLocation, _ body: () throws -> Void
  ) {
    let error = #expect(
      throws: JSONError.self, "\(comment) \(words)", sourceLocation: sourceLocation,
      performing: body)
    for word in words {
      #expect(
        error?.description.contains(word) == true, "\(comment): \(word): \(error as Any)",
        sourceLocation: sourceLocation)
    }
  }

  private func parse(_ text: String) throws -> JSONDocument {
    try parse(Array(text.utf8))
  }

  private func parse(_ bytes: [UInt8]) throws -> JSONDocument {
    try bytes.withUnsafeBytes { try JSONDocument(bytes: $0, path: "dir/config.json") }
  }

  @Test func valuesOfEachTypeAreRead() throws {
    let document = try parse(
      #"""
       { "i": 42, "negative": -7, "whole": 4096.0, "e": 1e4, "x": 1.5e-6, "t": true, "f": false,
       "s": "a\"\\\/\b\f\n\r\tz",
       "u": "\u00e9\u20AC\ud83d\ude42é",
       "null": null, "is": [1, 2.0, -3], "xs": [1, 0.5],
       "bs": [true, false], "ss": ["a", ""], "none": [], "os": [{"a": 1}, {}], "o": {"p": {"q": 1}},
       "max": 9223372036854775807, "min": -9223372036854775808 }
      """#)
    #expect(try document.integer("i") == 42)
    #expect(try document.integer("negative") == -7)
    #expect(try document.integer("whole") == 4096)
    #expect(try document.integer("e") == 10_000)
    #expect(try document.integer("max") == .max)
    #expect(try document.integer("min") == .min)
    #expect(try document.number("i") == 42)
    #expect(try document.number("x") == 1.5e-6)
    #expect(try document.boolean("t") == true)
    #expect(try document.boolean("f") == false)
    #expect(try document.string("s") == "a\"\\/\u{8}\u{c}\n\r\tz")
    #expect(try document.string("u") == "é€🙂é")
    #expect(try document.integers("is") == [1, 2, -3])
    #expect(try document.numbers("xs") == [1, 0.5])
    #expect(try document.booleans("bs") == [true, false])
    #expect(try document.strings("ss") == ["a", ""])
    #expect(try document.integers("none") == [])
    #expect(try document.objects("os").map(\.keys) == [["a"], []])
    #expect(try document.objects("os")[0].integer("a") == 1)
    #expect(try document.objects("none").isEmpty)
    #expect(try document.object("o").object("p").integer("q") == 1)
    #expect(try document.integerOrIntegersIfPresent("i") == [42])
    #expect(try document.integerOrIntegersIfPresent("is") == [1, 2, -3])
    #expect(document.keys.first == "i" && document.keys.last == "min" && document.keys.count == 19)
  }

  /// A `Double` would round what is above 2^53.
  @Test func unsignedIntegersKeepAllTheirDigits() throws {
    let document = try parse(
      #"{"max": 18446744073709551615, "half": 9223372036854775808, "i": 7, "whole": 8.0}"#)
    #expect(try document.unsignedIntegerIfPresent("max") == .max)
    #expect(try document.unsignedIntegerIfPresent("half") == 1 << 63)
    #expect(try document.unsignedIntegerIfPresent("i") == 7)
    #expect(try document.unsignedIntegerIfPresent("whole") == 8)
    #expect(try document.unsignedIntegerIfPresent("none") == nil)
    #expect(try document.number("half") == 0x1p63)
    expectError(naming: ["\"max\"", "18446744073709551615", "an integer"]) {
      _ = try document.integer("max")
    }
    for number in ["-1", "18446744073709551616", "1e19", "0.5", "true", "\"1\""] {
      expectError(naming: ["\"i\"", "0 to 18446744073709551615"], number) {
        _ = try parse("{\"i\": \(number)}").unsignedIntegerIfPresent("i")
      }
    }
  }

  @Test func absentAndNullCountAsAbsent() throws {
    let document = try parse(#"{"null": null}"#)
    for key in ["null", "missing"] {
      #expect(!document.contains(key))
      #expect(try document.integerIfPresent(key) == nil)
      #expect(try document.integersIfPresent(key) == nil)
      #expect(try document.integerOrIntegersIfPresent(key) == nil)
      #expect(try document.numberIfPresent(key) == nil)
      #expect(try document.numbersIfPresent(key) == nil)
      #expect(try document.booleanIfPresent(key) == nil)
      #expect(try document.booleansIfPresent(key) == nil)
      #expect(try document.stringIfPresent(key) == nil)
      #expect(try document.stringsIfPresent(key) == nil)
      #expect(try document.objectIfPresent(key) == nil)
      #expect(try document.objectsIfPresent(key) == nil)
      let lookups: [(JSONDocument) throws -> Void] = [
        { _ = try $0.integer(key) }, { _ = try $0.integers(key) }, { _ = try $0.number(key) },
        { _ = try $0.numbers(key) }, { _ = try $0.boolean(key) }, { _ = try $0.booleans(key) },
        { _ = try $0.string(key) }, { _ = try $0.strings(key) }, { _ = try $0.object(key) },
        { _ = try $0.objects(key) },
      ]
      for lookup in lookups {
        expectError(naming: ["dir/config.json", "\"\(key)\"", "missing"]) {
          try lookup(document)
        }
      }
    }
    #expect(document.keys == ["null"])
  }

  @Test func noTypeIsTakenForAnother() throws {
    let values: [(type: String, text: String)] = [
      ("integer", "1"), ("integer", "0"), ("number", "0.5"), ("number", "1e300"),
      ("boolean", "true"),
      ("boolean", "false"), ("string", "\"1\""), ("string", "\"true\""), ("array", "[]"),
      ("array", "[1]"),
      ("object", "{}"),
    ]
    let lookups: [(accepts: [String], read: (JSONDocument) throws -> Void)] = [
      (["integer"], { _ = try $0.integer("key") }),
      (["integer", "number"], { _ = try $0.number("key") }),
      (["boolean"], { _ = try $0.boolean("key") }), (["string"], { _ = try $0.string("key") }),
      (["array"], { _ = try $0.integers("key") }), (["array"], { _ = try $0.numbers("key") }),
      (["integer", "array"], { _ = try $0.integerOrIntegersIfPresent("key") }),
      (["object"], { _ = try $0.object("key") }),
    ]
    for (type, text) in values {
      let document = try parse("{\"outer\": {\"key\": \(text)}}").object("outer")
      for (accepts, read) in lookups {
        if accepts.contains(type) {
          #expect(throws: Never.self, "\(text) for \(accepts)") { try read(document) }
        } else {
          expectError(
            naming: ["dir/config.json", "\"outer.key\"", "expected"],
            "\(text) for \(accepts)"
          ) { try read(document) }
        }
      }
    }
  }

  @Test func anArraysElementsAreCheckedEach() throws {
    let lookups: [(good: String, read: (JSONDocument) throws -> Void)] = [
      ("1", { _ = try $0.integers("key") }), ("0.5", { _ = try $0.numbers("key") }),
      ("true", { _ = try $0.booleans("key") }), ("\"s\"", { _ = try $0.strings("key") }),
      ("1", { _ = try $0.integerOrIntegersIfPresent("key") }),
    ]
    for (good, read) in lookups {
      for bad in [
        "null", "[]", "{}", good == "true" ? "1" : "true", good == "\"s\"" ? "1" : "\"s\"",
      ] {
        let document = try parse("{\"key\": [\(good), \(bad)]}")
        expectError(naming: ["\"key[1]\""], "\(bad) beside \(good)") {
          try read(document)
        }
      }
    }
  }

  @Test func integersAreWholeAndInRange() throws {
    for text in [
      "0.5", "1e-1", "9223372036854775808", "-9223372036854775809", "1e19", "9007199254740994.0",
      "1e300",
    ] {
      let document = try parse("{\"key\": \(text)}")
      expectError(naming: ["\"key\"", "an integer"], text) {
        _ = try document.integer("key")
      }
      #expect(try document.number("key") == Double(text))
    }
    let document = try parse(#"{"key": 5}"#)
    #expect(try document.integer("key", in: 5...5) == 5)
    let ranges: [(ClosedRange<Int>, String)] = [
      (6 ... .max, "at least 6"), (.min...4, "at most 4"), (1...4, "from 1 to 4"),
    ]
    for (range, words) in ranges {
      expectError(naming: ["\"key\"", "number 5", words]) {
        _ = try document.integer("key", in: range)
      }
    }
  }

  @Test func malformedJSONIsRefused() throws {
    let texts = [
      "", " ", "{", "}", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{,}", "{a:1}",
      "{'a':1}",
      "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{\"a\":1}}", "{} {}", "{\"a\":[}", "{\"a\":[1,]}",
      "{\"a\":[1 2]}",
      "{\"a\":[,1]}", "{\"a\":tru}", "{\"a\":True}", "{\"a\":nul}", "{\"a\":NaN}",
      "{\"a\":Infinity}",
      "{\"a\":01}", "{\"a\":+1}", "{\"a\":-}", "{\"a\":.5}", "{\"a\":1.}", "{\"a\":1e}",
      "{\"a\":1e+}",
      "{\"a\":0x10}", "{\"a\":1e400}", "{\"a\":\"}", "{\"a\":\"\\\"}", "{\"a\":\"\\x\"}",
      "{\"a\":\"\\u12\"}",
      "{\"a\":\"\\u12g4\"}", "{\"a\":\"\\ud83d\"}", "{\"a\":\"\\ud83d\\n\"}",
      "{\"a\":\"\\ud83d\\u0041\"}",
      "{\"a\":\"\\ude42\"}", "{\"a\":\"\n\"}", "{\"a\":\"\u{0}\"}", "{\"a\":1}\u{0}", "\u{feff}{}",
      "{\"a\":1,\"a\":2}",
      "{\"a\":1,\"\\u0061\":2}", "// comment\n{}", "[]", "1", "\"a\"", "null", "true",
    ]
    for text in texts {
      expectError(naming: ["dir/config.json"], text.debugDescription) {
        _ = try parse(text)
      }
    }
    for bytes: [UInt8] in [
      [0xff], [0xc3], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80],
    ] {
      expectError(naming: ["UTF-8"], "\(bytes)") {
        _ = try parse(Array("{\"a\":\"".utf8) + bytes + Array("\"}".utf8))
      }
    }
    expectError(naming: ["line 3"]) { _ = try parse("{\n\"a\": 1,\n\"b\" 2}") }
  }

  @Test func deepNestingIsRefusedNotFollowed() throws {
    func nested(_ depth: Int, _ open: String, _ inner: String, _ close: String) -> String {
      String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)
    }
    #expect(throws: Never.self) { try parse("{\"a\":" + nested(127, "[", "", "]") + "}") }
    for text in [
      "{\"a\":" + nested(128, "[", "", "]") + "}", nested(129, "{\"a\":", "1", "}"),
      String(repeating: "[", count: 5_000_000), String(repeating: "{\"a\":", count: 1_000_000),
    ] {
      expectError(naming: ["nesting"]) { _ = try parse(text) }
    }
  }

  /// A line of a file of JSON lines is named by its number, in what is malformed and in what is missing.
  @Test func linesAreNamed() throws {
    func parse(_ text: String) throws -> JSONDocument {
      try Array(text.utf8).withUnsafeBytes {
        try JSONDocument(line: 7, bytes: $0, path: "dir/q.jsonl")
      }
    }
    expectError(naming: ["dir/q.jsonl:7:9: malformed JSON"]) { _ = try parse("{\"a\": 1 2}") }
    expectError(naming: ["dir/q.jsonl:7: a JSON object"]) { _ = try parse("[]") }
    let document = try parse("{\"a\": 1}")
    expectError(naming: ["dir/q.jsonl:7: \"b\" is missing"]) { _ = try document.integer("b") }
    expectError(naming: ["dir/q.jsonl:7: \"a\" is the number 1"]) { _ = try document.string("a") }
  }

  @Test func messagesNameTheWayIntoAnArrayOfObjects() throws {
    let document = try parse(#"{"a": {"os": [{"x": 1}, {"x": true}]}, "bad": [{}, 7]}"#)
    expectError(naming: ["\"a.os[1].x\"", "true"]) {
      _ = try document.object("a").objects("os")[1].integer("x")
    }
    expectError(naming: ["\"bad[1]\"", "object"]) { _ = try document.objects("bad") }
    expectError(naming: ["\"a\"", "an object", "array"]) { _ = try document.objects("a") }
  }

  @Test func keysAreToldApartByTheirBytes() throws {
    let composed = "\u{e9}"
    let decomposed = "e\u{301}"
    let many = (0..<1000).map { "\"k\($0)\": \($0)" }.joined(separator: ",")
    for rest in ["", ", \(many)"] {
      let document = try parse("{\"\(composed)\": 1, \"\(decomposed)\": 2\(rest)}")
      #expect(try document.integer(composed) == 1)
      #expect(try document.integer(decomposed) == 2)
      #expect(document.keys[0].utf8.elementsEqual(composed.utf8))
      #expect(document.keys[1].utf8.elementsEqual(decomposed.utf8))
    }
    let document = try parse("{\(many)}")
    for number in 0..<1000 { #expect(try document.integer("k\(number)") == number) }
    #expect(document.keys == (0..<1000).map { "k\($0)" })
    expectError(naming: ["\"k7\"", "twice"]) { _ = try parse("{\(many), \"k7\": 1}") }
    expectError(naming: ["surrogate pair"]) { _ = try parse(#"{"a": "\ud800"}"#) }
  }
}
