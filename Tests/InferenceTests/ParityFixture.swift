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
    /// How far bfloat16 computation is from float32, over the logits of some positions.
    struct Errors: Decodable { let maximum, rms: Double }

    /// What rounding to bfloat16 may do to the choice of experts.
    struct Routing: Decodable {
      /// Positions at which some layer's last chosen expert and the first that is not have all but
      /// the same score, or at which Transformers chose others in bfloat16.
      let close: [Int]
      /// Over all positions that are not close.
      let bfloat16Error: Errors
    }

    let name: String
    /// How many of the fixture's tokens are the context.
    let context: Int
    /// Whether tokens are rotated otherwise where the context has fewer of them.
    let followsContext: Bool
    /// The tensor in `expected.safetensors`.
    let logits: String
    /// The tokens that follow the context in float32.
    let greedy: [Int32]
    /// Over the whole context.
    let bfloat16Error: Errors
    /// Nil for a model without experts.
    let routing: Routing?
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

  /// A file of llama.cpp's library, which only some have; see `make_gguf.py`.
  var pathOfGGUF: String { "\(path)/model.gguf" }

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

extension ParityFixture.Run.Errors {
  /// - Parameters:
  ///   - logits: `[positions][vocabularySize]`, as `expected`.
  ///   - excluded: positions that do not count.
  init(
    of logits: [Float], from expected: [Float], vocabularySize: Int, without excluded: Set<Int> = []
  ) {
    let errors = expected.indices.lazy.filter { !excluded.contains($0 / vocabularySize) }.map {
      Double(logits[$0]) - Double(expected[$0])
    }
    var (maximum, squares, count) = (0.0, 0.0, 0)
    for error in errors {
      maximum = max(maximum, abs(error))
      squares += error * error
      count += 1
    }
    self.init(maximum: maximum, rms: (squares / Double(count)).squareRoot())
  }
}

extension ParityFixture {
  static let names = [
    "gemma2", "gemma3", "gemma4", "gemma4-moe", "glm4-moe", "glm4-moe-plain", "gpt-oss",
    "gpt-oss-mxfp4", "llama-2", "llama-3.1", "llama-biases-tied", "llama-dynamic", "llama-linear",
    "llama-narrow-heads", "llama-yarn", "mistral-full", "mistral-window", "mixtral",
    "mixtral-window", "olmoe", "phi3", "phi3-longrope", "phi4-partial", "qwen2-moe", "qwen2-window",
    "qwen2-yarn", "qwen3", "qwen3-moe", "qwen3-moe-sparse", "qwen3-moe-steps", "smollm3",
  ]
  static let namesWithGGUF = ["gemma4-moe", "gpt-oss-mxfp4", "qwen3-moe-sparse"]
}
