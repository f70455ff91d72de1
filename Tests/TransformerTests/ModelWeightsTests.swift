import Kernels
import TestSupport
import Testing
import Transformer

@Suite struct ModelWeightsTests {
  private func model(tied: Bool = false) throws -> RandomModel {
    try RandomModel(RandomModel.sampleConfiguration(tiedEmbeddings: tied), seed: 3)
  }

  @Test(arguments: [false, true])
  func matricesLieWhereTheirSourceHasThem(tied: Bool) throws {
    let model = try model(tied: tied)
    let weights = model.weights
    func elements(_ name: String) -> UnsafeRawPointer? {
      model.tensors.first { $0.name == name }?.elements
    }
    #expect(weights.embedding.elements == elements("model.embed_tokens.weight"))
    #expect(
      weights.head.elements == elements(tied ? "model.embed_tokens.weight" : "lm_head.weight"))
    for (index, layer) in weights.layers.enumerated() {
      let mlp = try #require(layer.feedForward as? DenseFeedForward)
      let prefix = "model.layers.\(index)."
      let matrices: [(String, WeightMatrix, Int, Int)] = [
        ("self_attn.q_proj", layer.attention.query, 192, 192),
        ("self_attn.k_proj", layer.attention.key, 64, 192),
        ("self_attn.v_proj", try #require(layer.attention.value), 64, 192),
        ("self_attn.o_proj", layer.attention.output, 192, 192),
        ("mlp.gate_proj", mlp.gate, 352, 192), ("mlp.up_proj", mlp.up, 352, 192),
        ("mlp.down_proj", mlp.down, 192, 352),
      ]
      for (name, matrix, outputs, inputs) in matrices {
        #expect(matrix.elements == elements(prefix + name + ".weight"), "\(prefix + name)")
        #expect([matrix.outputs, matrix.inputs] == [outputs, inputs], "\(prefix + name)")
        let bias = model.tensors.first { $0.name == prefix + name + ".bias" }
        #expect(matrix.bias == bias?.floats() ?? [], "\(prefix + name)")
      }
    }
  }

  @Test(arguments: [false, true])
  func totalsCountATiedHeadOnce(tied: Bool) throws {
    let model = try model(tied: tied)
    let vectors = model.tensors.filter { $0.shape.count == 1 }.reduce(0) { $0 + $1.count }
    let matrices = model.tensors.filter { $0.shape.count == 2 }.reduce(0) { $0 + $1.count }
    #expect(model.weights.parameters == vectors + matrices)
    #expect(model.weights.bytes == 4 * vectors + 2 * matrices)
  }

  /// Of layers that differ, with all that attention can have: each by its own sizes, and counted.
  @Test func layersHaveTheTensorsThatTheirConfigurationSays() throws {
    let weights = try SampleModel.mixed.weights()
    let requests = try ModelFamilies.tensors(of: weights.configuration)
    #expect(requests.reduce(0) { $0 + $1.count } == weights.parameters)
    let shapes = requests.reduce(into: [String: [Int]]()) { $0[$1.name] = $1.shape }
    func shape(_ layer: Int, _ name: String) -> [Int]? { shapes["model.layers.\(layer).\(name)"] }
    #expect(shape(0, "self_attn.v_proj.weight") == [64, 120])
    #expect(shape(1, "self_attn.q_proj.weight") == [384, 120])
    #expect(shape(1, "self_attn.k_proj.weight") == [64, 120])
    #expect(shape(1, "self_attn.v_proj.weight") == nil)
    #expect(shape(0, "self_attn.q_norm.weight") == [32])
    #expect(shape(2, "self_attn.q_norm.weight") == [60])
    #expect((0..<3).map { shape($0, "self_attn.sinks") } == [[4], nil, [3]])
    #expect((0..<3).map { shape($0, "layer_scalar") } == [[1], [1], nil])
    #expect(weights.layers.map { $0.outputScale != 1 } == [true, true, false])
    #expect(weights.layers.map { $0.attention.value == nil } == [false, true, false])
  }

  @Test func everyTensorIsNeeded() throws {
    let model = try model()
    for index in model.tensors.indices {
      var tensors = model.tensors
      let name = tensors.remove(at: index).name
      #expect(throws: TensorList.Missing(name: name)) {
        try ModelFamilies.weights(
          for: model.configuration, from: TensorList(tensors: tensors))
      }
    }
  }

  @Test func everyTensorNeedsItsShape() throws {
    let model = try model()
    for index in model.tensors.indices {
      var tensors = model.tensors
      let tensor = tensors[index]
      tensors[index] = TensorView(
        name: tensor.name, shape: tensor.shape + [1], format: tensor.format,
        elements: tensor.elements, owner: tensor.owner)
      #expect(throws: TensorList.WrongShape(name: tensor.name, expected: tensor.shape)) {
        try ModelFamilies.weights(
          for: model.configuration, from: TensorList(tensors: tensors))
      }
    }
  }

  /// Memory at an odd address, which a file may well have.
  private final class OddBytes: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    init(_ values: [Float]) {
      bytes = .allocate(byteCount: 4 * values.count + 1, alignment: 16)
      for (index, value) in values.enumerated() {
        bytes.storeBytes(of: value, toByteOffset: 4 * index + 1, as: Float.self)
      }
    }

    deinit { bytes.deallocate() }
  }

  @Test func float32TensorsAreUsedInPlaceAndGiveTheSameLogits() throws {
    let model = try model()
    let tensors = model.tensors.map { tensor in
      let memory = OddBytes(tensor.floats())
      return TensorView(
        name: tensor.name, shape: tensor.shape, format: .float32,
        elements: UnsafeRawPointer(memory.bytes.baseAddress! + 1), owner: memory)
    }
    let weights = try ModelFamilies.weights(
      for: model.configuration, from: TensorList(tensors: tensors))
    #expect(weights.layers[0].attention.query.format == .float32)
    #expect(weights.layers[0].attention.query.bias == model.weights.layers[0].attention.query.bias)
    #expect(weights.bytes == 4 * weights.parameters)
    let tokens = [1, 2, 3, 299]
    #expect(
      ReferenceDecoder(weights, arithmetic: .float64).logits(of: tokens)
        == ReferenceDecoder(model.weights, arithmetic: .float64).logits(of: tokens))
  }
}
