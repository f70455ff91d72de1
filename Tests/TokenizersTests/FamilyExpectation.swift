import Foundation
import Kernels

/// What `expected.json` says; see `make_families.py`.
struct FamilyExpectation: Decodable {
  struct Family: Decodable {
    let ids: [[Int32]]
    /// The ids of "a" with the tokens that belong around a text.
    let start: [Int32]
    let decoded: [String]
    let decodedWithoutSpecial: [String]
    let chunks: [Chunk]
  }

  struct Chunk: Decodable {
    let count: Int
    let idsHash: String
    let textHash: String

    init(from decoder: any Decoder) throws {
      var values = try decoder.unkeyedContainer()
      count = try values.decode(Int.self)
      idsHash = try values.decode(String.self)
      textHash = try values.decode(String.self)
    }
  }

  let pieces: [String]
  let texts: [String]
  let families: [String: Family]

  init() throws {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .custom { path in
      // Families' names are no names of properties.
      let key = path.last!.stringValue
      return Key(key == "decoded_without_special" ? "decodedWithoutSpecial" : key)
    }
    let url = URL(fileURLWithPath: Fixture.path("expected.json"))
    self = try decoder.decode(Self.self, from: Data(contentsOf: url))
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ value: String) { stringValue = value }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { return nil }
  }

  /// The mixed text number `seed`, of 64 kB.
  func chunk(seed: UInt64) -> [UInt8] {
    var generator = SplitMix64(seed: seed)
    var chunk: [UInt8] = []
    while chunk.count < 65_536 {
      chunk += pieces[Int(generator.next() % UInt64(pieces.count))].utf8
    }
    return chunk
  }

  /// Fowler, Noll and Vo's hash 1a, over whole numbers.
  static func fnv(_ values: some Sequence<UInt64>) -> String {
    let hash = values.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { hash, value in
      (hash ^ value) &* 0x100_0000_01b3
    }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}
