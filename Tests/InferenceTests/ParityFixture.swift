import Files
import Foundation
import Inference
import Kernels
import MPI
import ModelFiles
import TestSupport
import Transformer

/// One model of `Fixtures` and what Hugging Face Transformers computes with it; see
/// `make_models.py`.
struct ParityFixture {
  /// One way to use the model.
  struct Run: Decodable {
    /// How far bfloat16 computation is from float32, over all logits of the context.
    struct Errors: Decodable { let maximum, rms: Double }

    let name: String
    /// How many of the fixture's tokens are the context.
    let context: Int
    /// Whether tokens are rotated otherwise where the context has fewer of them.
    let followsContext: Bool
    /// The tensor in `expected.safetensors`.
    let logits: String
    /// The tokens that follow the context in float32.
    let greedy: [Int32]
    let bfloat16Error: Errors
  }

  private struct Expected: Decodable {
    let tokens: [Int32]
    let runs: [Run]
  }

  static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Fixtures").path

  let path: String
  let tokens: [Int32]
  let runs: [Run]

  init(_ name: String) throws {
    path = "\(Self.directory)/\(name)"
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let expected = try decoder.decode(
      Expected.self, from: Data(contentsOf: URL(fileURLWithPath: "\(path)/expected.json")))
    tokens = expected.tokens
    runs = expected.runs
  }

  func outline(_ precision: Precision = .fp32) throws -> ModelOutline {
    try ModelOutline(ModelDirectory(path: path), precision: precision)
  }

  /// Its weights for this rank alone.
  @MPIThread func model(_ precision: Precision) throws -> Model {
    try outline(precision).load(
      host: MPIEnvironment.communicatorOfThisRank(), team: ThreadTeam(threads: 1))
  }

  func context(_ run: Run) -> [Int32] { Array(tokens.prefix(run.context)) }

  /// What Transformers computes in float32: `[run.context][vocabularySize]`.
  func logits(_ run: Run) throws -> [Float] {
    let file = try SafetensorsCollection(path: "\(path)/expected.safetensors")
    guard let tensor = file.tensor(named: run.logits), tensor.shape.first == run.context else {
      throw FileError(.malformed, "\(path): has no logits '\(run.logits)' of all tokens")
    }
    return tensor.bytes.withMemoryRebound(to: Float.self) { Array($0) }
  }

  /// The configuration in the spelling of published checkpoints.
  func publishedConfiguration() throws -> ModelConfiguration {
    let folder = try ModelFolder()
    try FileManager.default.createDirectory(
      atPath: folder.path, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: "\(path)/published_config.json", toPath: "\(folder.path)/config.json")
    return try ModelOutline(
      folder.directory, precision: .fp32, weights: .none
    ).configuration
  }
}

extension ParityFixture {
  static let names = [
    "gemma2", "gemma3", "llama-2", "llama-3.1", "llama-biases-tied", "llama-dynamic",
    "llama-linear", "llama-narrow-heads", "llama-yarn", "mistral-full", "mistral-window", "phi3",
    "phi3-longrope",
    "phi4-partial", "qwen2-window", "qwen2-yarn", "qwen3", "smollm3",
  ]
}
