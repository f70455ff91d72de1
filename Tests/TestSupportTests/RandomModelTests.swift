import Inference
import Kernels
import ModelFiles
import TestSupport
import Testing
import Transformer

@Suite struct RandomModelTests {
  @Test func itDependsOnTheSeedAndHasTheDeviationAskedFor() throws {
    let configuration = try RandomModel.sampleConfiguration()
    let models = try [7, 7, 8].map { try RandomModel(configuration, seed: $0).tensors }
    #expect(models[0].map { $0.floats() } == models[1].map { $0.floats() })
    for (left, right) in zip(models[0], models[2]) {
      #expect(left.floats() != right.floats(), "\(left.name)")
    }
    for tensor in models[0] where tensor.count > 10_000 {
      let values = tensor.floats()
      let mean = values.reduce(0, +) / Float(values.count)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(values.count)
      #expect(abs(mean) < 0.002 && abs(variance.squareRoot() - 0.05) < 0.002, "\(tensor.name)")
    }
  }

  /// Computed apart from this program, by the definition in `make_fixtures.py`.
  @Test(arguments: [
    ("model.embed_tokens.weight", [0x3d24, 0xbe02, 0x3cd0, 0xbce1, 0xbc95, 0xbcc4]),
    ("model.norm.weight", [0x3f87, 0x3f89, 0x3f84, 0x3f84]),
  ])
  func itsElementsAreTheSameOnEveryMachine(name: String, expected: [UInt16]) throws {
    let model = try RandomModel(RandomModel.sampleConfiguration(), seed: 1)
    let tensor = try #require(model.tensors.first { $0.name == name })
    let elements = tensor.floats().prefix(expected.count).map { BFloat16($0).bitPattern }
    #expect(elements == expected)
  }

  /// What is written is the model: in its own type, and in others if its numbers are such as those
  /// have too.
  @Test(arguments: [TensorElementType.bfloat16, .float16, .float32], [false, true])
  func itIsReadBackAsItWasWritten(type: TensorElementType, tied: Bool) throws {
    let model = try RandomModel(
      RandomModel.sampleConfiguration(tiedEmbeddings: tied), seed: 2)
    let halves = model.tensors.map(\.asHalves)
    for (half, tensor) in zip(halves, model.tensors) {
      let steps = zip(half.floats(), tensor.floats()).map { abs($0 - $1) * 0x1p24 }
      #expect(steps.allSatisfy { $0 <= 0.5 }, "\(tensor.name)")
    }
    let directory = try TemporaryDirectory()
    try ModelDirectory.write(
      to: directory.path, configuration: model.configuration.json,
      tensors: halves.map { $0.converted(to: type) })
    let read = try ModelDirectory(path: directory.path)
    let outline = try ModelOutline(read, precision: .fp32)
    #expect(outline.configuration == model.configuration)
    let tensors = try read.openTensors()
    for half in halves {
      let tensor = try #require(tensors.tensor(named: half.name))
      #expect(tensor.elementType == type && tensor.shape == half.shape)
      let numbers: [Float] =
        switch type {
        case .float16: tensor.bytes.bindMemory(to: Float16.self).map { Float($0) }
        case .float32: Array(tensor.bytes.bindMemory(to: Float.self))
        default: tensor.bytes.bindMemory(to: BFloat16.self).map(\.float)
        }
      #expect(numbers == half.floats(), "\(half.name)")
    }
  }
}
