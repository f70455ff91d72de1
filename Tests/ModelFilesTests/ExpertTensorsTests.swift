import Files
import ModelFiles
import TestSupport
import Testing

/// Tensors with all experts of a layer, seen one by one.
struct ExpertTensorsTests {
  /// Some tensors of a model, in memory.
  private struct Collection: TensorCollection {
    let tensors: [Tensor]
    var names: [String] { tensors.map(\.name) }
    var paths: [String] { ["m"] }
    func tensor(named name: String) -> Tensor? { tensors.first { $0.name == name } }
  }

  /// A tensor whose element i is i.
  private func counted(
    _ name: String, _ shape: [Int], _ type: TensorElementType = .float32
  ) -> Tensor {
    let count = shape.reduce(1, *)
    return type == .float32
      ? Tensor(name: name, elementType: type, shape: shape, copying: (0..<count).map { Float($0) })
      : Tensor(
        name: name, elementType: type, shape: shape,
        copying: (0..<count).map { UInt8(truncatingIfNeeded: $0) })
  }

  private func view(_ layout: ExpertLayout, _ tensors: Tensor...) throws -> ExpertTensors {
    try ExpertTensors(Collection(tensors: tensors), layout: layout, of: "m")
  }

  private func floats(_ tensor: Tensor?) -> [Float] {
    tensor.map { Array($0.bytes.bindMemory(to: Float.self)) } ?? []
  }

  @Test(arguments: ["", ".weight"])
  func fusedRowsAreSlicesInPlace(suffix: String) throws {
    let prefix = "model.layers.3.mlp.experts"
    let (experts, inner, hidden) = (3, 2, 5)
    let both = counted("\(prefix).gate_up_proj\(suffix)", [experts, 2 * inner, hidden])
    let down = counted("\(prefix).down_proj\(suffix)", [experts, hidden, inner])
    let norm = counted("model.norm.weight", [5])
    let view = try view(.rows, norm, both, down)
    #expect(view.names.count == 1 + 3 * experts && view.names.first == "model.norm.weight")
    for expert in 0..<experts {
      for (part, first, shape, fused) in [
        ("gate_proj", 0, [inner, hidden], both),
        ("up_proj", inner * hidden, [inner, hidden], both),
        ("down_proj", 0, [hidden, inner], down),
      ] {
        let name = "\(prefix).\(expert).\(part).weight"
        #expect(view.names.contains(name))
        let tensor = try #require(view.tensor(named: name))
        #expect(tensor.name == name && tensor.shape == shape && tensor.elementType == .float32)
        let start = expert * fused.bytes.count / experts / 4 + first
        #expect(floats(tensor) == (start..<start + shape[0] * shape[1]).map { Float($0) })
        #expect(tensor.bytes.baseAddress == fused.bytes.baseAddress! + 4 * start, "no copy")
        #expect(view.storedName(of: name) == "\(fused.name)[\(expert)]")
        #expect(view.assembled(named: name) == nil)
      }
    }
    #expect(view.tensor(named: "\(prefix).3.gate_proj.weight") == nil)
    #expect(floats(view.tensor(named: "model.norm.weight")).count == 5)
  }

  /// What Transformers calls `mlp` in memory, Mixtral's own files call otherwise.
  @Test func aFusedMixtralIsAskedForByItsOwnNames() throws {
    let view = try view(
      .renamedRows, counted("model.layers.0.mlp.experts.gate_up_proj", [2, 4, 3]),
      counted("model.layers.0.mlp.experts.down_proj", [2, 3, 2]),
      counted("model.layers.0.mlp.gate.weight", [2, 3]))
    let prefix = "model.layers.0.block_sparse_moe"
    #expect(
      floats(view.tensor(named: "\(prefix).experts.1.w1.weight")) == [12, 13, 14, 15, 16, 17])
    #expect(floats(view.tensor(named: "\(prefix).experts.0.w3.weight")) == [6, 7, 8, 9, 10, 11])
    #expect(floats(view.tensor(named: "\(prefix).experts.1.w2.weight")).first == 6)
    #expect(floats(view.tensor(named: "\(prefix).gate.weight")).count == 6)
    #expect(view.storedName(of: "\(prefix).gate.weight") == "model.layers.0.mlp.gate.weight")
    #expect(
      Set(view.names).isSuperset(of: ["\(prefix).gate.weight", "\(prefix).experts.1.w2.weight"]))
    #expect(view.names.count == 7)
  }

  /// A tensor for each expert passes through, with the scales beside it.
  @Test func singleTensorsPassThrough() throws {
    let names = [
      "model.layers.0.mlp.experts.0.gate_proj.weight",
      "model.layers.0.mlp.experts.0.gate_proj.weight_scale_inv",
      "model.layers.0.mlp.shared_experts.gate_proj.weight",
    ]
    let view = try ExpertTensors(
      Collection(tensors: names.map { counted($0, [2, 2]) }), layout: .rows, of: "m")
    #expect(view.names == names)
    #expect(
      names.allSatisfy { view.tensor(named: $0)?.name == $0 && view.storedName(of: $0) == $0 })
  }

  /// Of GGUF files, stacked but for gate and up apart; biases, too.
  @Test func stacksAndTheirBiasesAreSliced() throws {
    let view = try view(
      .rows, counted("model.layers.0.mlp.experts.up_proj.weight", [2, 3, 4]),
      counted("model.layers.0.mlp.experts.up_proj.bias", [2, 3]),
      counted("model.layers.0.block_sparse_moe.experts.down_proj.weight", [2, 1, 1]))
    #expect(floats(view.tensor(named: "model.layers.0.mlp.experts.1.up_proj.weight")).first == 12)
    let bias = view.tensor(named: "model.layers.0.mlp.experts.1.up_proj.bias")
    #expect(bias?.shape == [3] && floats(bias) == [3, 4, 5])
    #expect(
      floats(view.tensor(named: "model.layers.0.block_sparse_moe.experts.1.w2.weight")) == [1])
  }

  /// Rows of blocks of small integers are whole blocks.
  @Test func slicesOfBlocksAreWholeRows() throws {
    let type = TensorElementType.q4K
    let shape = [3, 2, 512]
    let bytes = (0..<type.byteCount(shape: shape)!).map { UInt8(truncatingIfNeeded: $0 / 288) }
    let view = try view(
      .rows,
      Tensor(
        name: "model.layers.0.mlp.experts.up_proj.weight", elementType: type, shape: shape,
        copying: bytes))
    let tensor = try #require(view.tensor(named: "model.layers.0.mlp.experts.2.up_proj.weight"))
    #expect(tensor.shape == [2, 512] && tensor.bytes.count == 2 * 288)
    #expect(
      tensor.bytes.elementsEqual(
        [UInt8](repeating: 4, count: 288) + [UInt8](repeating: 5, count: 288)))
  }

  @Test func whatDoesNotFitIsRefused() throws {
    let prefix = "model.layers.0.mlp.experts"
    let blocks = counted("\(prefix).down_proj_blocks", [2, 4, 1, 16], .unsignedInteger8)
    let scales = counted("\(prefix).down_proj_scales", [2, 4, 1], .unsignedInteger8)
    let cases: [(ExpertLayout, [Tensor], FileError.Kind, [String])] = [
      (
        .rows, [counted("\(prefix).down_proj", [4, 4])], .malformed,
        ["down_proj'", "[4, 4]", "inputs"]
      ),
      (.rows, [counted("\(prefix).down_proj", [4, 0, 4])], .malformed, ["[4, 0, 4]"]),
      (.rows, [counted("\(prefix).gate_up_proj", [2, 3, 4])], .malformed, ["[2, 3, 4]", "even"]),
      (
        .columns, [counted("\(prefix).gate_up_proj", [2, 4, 3])], .malformed, ["[2, 4, 3]", "even"]
      ),
      (.columns, [counted("\(prefix).down_proj_bias", [2, 4, 3])], .malformed, ["down_proj_bias"]),
      (.columns, [blocks], .malformed, ["down_proj_blocks'", "no '\(prefix).down_proj_scales'"]),
      (.columns, [scales], .malformed, ["down_proj_scales'", "no '\(prefix).down_proj_blocks'"]),
      (
        .columns, [blocks, counted(scales.name, [2, 4, 2], .unsignedInteger8)], .malformed,
        ["[2, 4, 2]", "U8"]
      ),
      (.columns, [blocks, counted(scales.name, [2, 4, 1])], .malformed, ["F32", "U8"]),
      (
        .rows, [counted("\(prefix).up_proj.weight", [1 << 21, 1, 1])], .unsupported,
        ["[2097152, 1, 1]"]
      ),
    ]
    for (layout, tensors, kind, words) in cases {
      expectError(kind, naming: words + ["m: "]) {
        _ = try ExpertTensors(Collection(tensors: tensors), layout: layout, of: "m")
      }
    }
  }
}
