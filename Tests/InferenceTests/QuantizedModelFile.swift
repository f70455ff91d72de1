import Foundation
import Inference
import Kernels
import MPI
import ModelFiles
import TestSupport
import Transformer

/// A random model in a GGUF file, whose matrices are of the formats of blocks of small integers in turn.
final class QuantizedModelFile {
  /// The same weights, where they were made.
  let random: RandomModel
  private let folder = try! ModelFolder()

  /// - Parameter architecture: one whose rows GGUF files have in their own order.
  init(_ architecture: String) throws {
    let sample = GGUFSample(architecture, size: .ofBlocks)
    try folder.write(configuration: Data(sample.configuration.utf8), tensors: [])
    let outline = try ModelOutline(folder.directory, precision: .fp32, weights: .none)
    random = try RandomModel(outline.configuration, seed: 7, formats: WeightFormat.quantized)
    try Data(sample.file(random.tensors).bytes).write(to: URL(fileURLWithPath: path))
  }

  private var path: String { "\(folder.path)/model.gguf" }

  func outline(_ precision: Precision) throws -> ModelOutline {
    try ModelOutline(StoredModels.model(at: path), precision: precision)
  }

  /// For this rank alone.
  @MPIThread func load(_ precision: Precision) throws -> Model {
    try outline(precision).load(
      host: MPIEnvironment.communicatorOfThisRank(), team: ThreadTeam(threads: 1, spins: 0))
  }
}
