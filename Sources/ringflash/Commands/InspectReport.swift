import Foundation
import Inference
import Kernels
import ModelFiles
import Reporting
import Transformer

/// `inspect`: what a model is and how large.
struct InspectReport: Codable {
  let model: String
  let modelType: String
  let parameters: Int
  let weightBytes: Int
  let layers: Int
  let slidingWindowLayers: Int
  let ropeLayers: Int
  let hiddenSize: Int
  let intermediateSize: Int
  let queryHeads: Int
  let keyValueHeads: Int
  let headDimension: Int
  let vocabularySize: Int
  let maximumPositions: Int
  let ropeTheta: Double
  let tiedEmbeddings: Bool
  let attentionBias: Bool
  /// In bf16, of all layers.
  let kvBytesPerToken: Int
  let hasTokenizer: Bool

  static func run(_ command: InspectCommand) throws {
    let loaded = try LoadedModel(command.model, precision: .fp32)
    let report = InspectReport(loaded)
    try StandardOutput.write(command.json ? report.json() : report.text())
  }

  private init(_ loaded: LoadedModel) {
    let configuration = loaded.model.configuration
    let weights = loaded.model.weights
    model = loaded.model.name
    modelType = configuration.modelType
    parameters = weights.parameters
    weightBytes = weights.bytes
    layers = configuration.layers.count
    slidingWindowLayers = configuration.layers.count { $0.slidingWindow != nil }
    ropeLayers = configuration.layers.count { $0.rope != nil }
    hiddenSize = configuration.hiddenSize
    intermediateSize = configuration.intermediateSize
    queryHeads = configuration.queryHeads
    keyValueHeads = configuration.keyValueHeads
    headDimension = configuration.headDimension
    vocabularySize = configuration.vocabularySize
    maximumPositions = configuration.maximumPositions
    ropeTheta = configuration.ropes.first?.theta ?? 0
    tiedEmbeddings = configuration.tiedEmbeddings
    attentionBias = configuration.attentionBias
    kvBytesPerToken = 2 * configuration.keyValueWidth * layers * Precision.bf16.bytes
    hasTokenizer = loaded.tokenizer != nil
  }

  private func json() throws -> String {
    let encoder = JSONEncoder()
    encoder.keyEncodingStrategy = .convertToSnakeCase
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }

  private func text() -> String {
    let name =
      model == GenerateSettings.builtInModel
      ? "\(model) (built in: retrieves and copies; not a language model)" : model
    let lines = [
      ("model", name),
      ("family", modelType),
      ("parameters", "\(parameters)"),
      (
        "weights",
        String(format: "%.1f MB, shared by the ranks of a host", Double(weightBytes) / 1e6)
      ),
      (
        "layers",
        "\(layers), of which \(slidingWindowLayers) with a sliding window, \(ropeLayers) with RoPE"
      ),
      ("hidden size", "\(hiddenSize), MLP \(intermediateSize)"),
      ("heads", "\(queryHeads) query, \(keyValueHeads) KV, of dimension \(headDimension)"),
      ("vocabulary", "\(vocabularySize)\(tiedEmbeddings ? ", head tied to the embedding" : "")"),
      ("positions", "\(maximumPositions), RoPE base \(ropeTheta)"),
      ("KV in bf16", "\(kvBytesPerToken) bytes a token"),
      ("tokenizer", hasTokenizer ? "yes" : "none, takes --token-ids only"),
    ]
    return lines.map { $0.0.padding(toLength: 14, withPad: " ", startingAt: 0) + $0.1 + "\n" }
      .joined()
  }
}
