import Foundation
import Inference
import ModelFiles
import Transformer

/// One folder of `Fixtures`: what Hugging Face Transformers computes; see `make_fixtures.py`.
struct Fixture {
  private let path: String
  let tokens: [Int]
  /// `[rows][vocabularySize]`, for the last rows of `tokens`.
  let logits: [Float]

  init(_ name: String) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Fixtures").appendingPathComponent(name)
    path = folder.path
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

  func configurationJSON() throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: "\(path)/config.json"))
  }

  func configuration() throws -> ModelConfiguration {
    try ModelOutline(ModelDirectory(path: path), precision: .bf16, weights: .none)
      .configuration
  }
}
