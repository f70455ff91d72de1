import Foundation
import Transformer

/// One folder of `Fixtures`: what Hugging Face Transformers computes; see `make_fixtures.py`.
struct Fixture {
  let configurationJSON: Data
  let tokens: [Int]
  /// `[rows][vocabularySize]`, for the last rows of `tokens`.
  let logits: [Float]

  init(_ name: String) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures").appendingPathComponent(name)
    configurationJSON = try Data(contentsOf: folder.appendingPathComponent("config.json"))
    tokens = try JSONDecoder().decode(
      [Int].self, from: Data(contentsOf: folder.appendingPathComponent("tokens.json")))
    let bytes = try Data(contentsOf: folder.appendingPathComponent("logits.f32"))
    logits = bytes.withUnsafeBytes { bytes in
      stride(from: 0, to: bytes.count, by: 4).map {
        let bits = bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self)
        return Float(bitPattern: UInt32(littleEndian: bits))
      }
    }
  }

  func configuration() throws -> ModelConfiguration {
    try ModelFamilies.configuration(from: JSONSource(configurationJSON))
  }
}
