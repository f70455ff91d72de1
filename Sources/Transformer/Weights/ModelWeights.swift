import Kernels
import MPI

/// A whole model's weights: matrices where they lie in their source, norms and biases as float32.
public struct ModelWeights: Sendable {
  public let configuration: ModelConfiguration
  /// `[vocabulary.size][hiddenSize]`; row t is the embedding of token t.
  public let embedding: WeightMatrix
  public let layers: [LayerWeights]
  /// `[hiddenSize]`, the RMSNorm before the head.
  public let finalNorm: [Float]
  /// `[vocabulary.size][hiddenSize]`; the embedding itself where the vocabulary is tied.
  public let head: WeightMatrix
  /// How the other hosts' parts come here, where each host holds only its rows of the matrices.
  let passing: PassingWeights?

  public init(
    configuration: ModelConfiguration, embedding: WeightMatrix, layers: [LayerWeights],
    finalNorm: [Float], head: WeightMatrix, passing: PassingWeights? = nil
  ) {
    precondition(layers.count == configuration.layers.count, "as many layers as the configuration")
    self.configuration = configuration
    self.embedding = embedding
    self.layers = layers
    self.finalNorm = finalNorm
    self.head = head
    self.passing = passing
  }

  /// The same, of which this host holds only its rows.
  public func passing(_ passing: PassingWeights) -> ModelWeights {
    ModelWeights(
      configuration: configuration, embedding: embedding, layers: layers, finalNorm: finalNorm,
      head: head, passing: passing)
  }

  /// The least that it takes to bring the other hosts' parts here for a prefill, measured by messages as
  /// the prefill sends them: a collective. 0 where every host has all.
  ///
  /// - Throws: `MPIError`.
  public func secondsToPass(_ communicator: Communicator) throws -> Double {
    try passing?.secondsToPass(communicator) ?? 0
  }

  /// All matrices, a tied head only once.
  private var matrices: [WeightMatrix] {
    [embedding] + layers.flatMap(\.matrices) + (configuration.vocabulary.isTied ? [] : [head])
  }

  /// Elements of norms, sinks, output scales and biases.
  private var vectorElements: Int {
    let scales = configuration.layers.count { $0.hasOutputScale }
    let ofLayers = layers.reduce(finalNorm.count + scales) { $0 + $1.vectorElements }
    return matrices.reduce(ofLayers) { $0 + $1.bias.count }
  }

  /// The number of parameters, those of a tied head counted once.
  public var parameters: Int {
    matrices.reduce(vectorElements) { $0 + $1.outputs * $1.inputs }
  }

  /// The number of parameters that are used for one token: of its experts alone, and its own row of the
  /// embedding.
  public var activeParameters: Int {
    layers.reduce(configuration.hiddenSize + finalNorm.count + head.outputs * head.inputs) {
      $0 + $1.activeParameters
    }
  }

  /// The bytes of all weights as they are held: matrices in the type of their source, norms and
  /// biases as float32.
  public var bytes: Int {
    matrices.reduce(vectorElements * MemoryLayout<Float>.stride) { $0 + $1.bytes }
  }
}
