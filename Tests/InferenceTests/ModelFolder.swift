import Foundation
import Inference
import Kernels
import MPI
import ModelFiles
import TestSupport
import Transformer

/// A model directory of a test's own, which goes with this.
final class ModelFolder {
  private let temporary: TemporaryDirectory
  var path: String { temporary.path }

  init() throws { temporary = try TemporaryDirectory() }

  var directory: ModelDirectory {
    get throws { try ModelDirectory(path: path) }
  }

  /// - Parameter type: of the elements as they are written; their values must be in its range.
  func write(
    configuration: Data, generation: Data? = nil, tensors: [TensorView],
    type: TensorElementType = .bfloat16
  ) throws {
    try ModelDirectory.write(
      to: path, configuration: configuration, generationConfiguration: generation,
      tensors: tensors.map { $0.converted(to: type) }, overwrite: true)
  }

  /// The model, its weights for the ranks of `host`; for this rank alone without one.
  @MPIThread func load(
    _ precision: Precision, host: Communicator? = nil, threads: Int = 1
  ) throws -> Model {
    try ModelOutline(directory, precision: precision).load(
      host: try host ?? MPIEnvironment.communicatorOfThisRank(),
      team: ThreadTeam(threads: threads, spins: 0))
  }
}

extension Model {
  @MPIThread static func builtIn() throws -> Model {
    try ModelOutline.builtIn().load(
      host: MPIEnvironment.communicatorOfThisRank(), team: ThreadTeam(threads: 1))
  }
}
