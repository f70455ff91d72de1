import Files
import Foundation
import Inference
import Kernels
import MPI
import ModelFiles
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// Numbers that would send tokens anywhere, or make every answer nonsense.
  @Suite @MPIThread struct DamagedExpertTests {
    /// A fixture's directory, of which some bytes of a tensor are others.
    ///
    /// - Parameter place: of the first byte, in the tensor.
    private func load(
      _ fixture: String, _ tensor: String, at place: Int, _ bytes: [UInt8]
    ) throws {
      let source = try ParityFixture(fixture).path
      let folder = try ModelFolder()
      let tensors = try SafetensorsCollection(path: "\(source)/model.safetensors")
      let changed = tensors.names.map { name in
        let stored = tensors.tensor(named: name)!
        guard name == tensor else { return stored }
        var copy = [UInt8](stored.bytes)
        copy.replaceSubrange(place..<place + bytes.count, with: bytes)
        return Tensor(
          name: name, elementType: stored.elementType, shape: stored.shape, copying: copy)
      }
      try FileManager.default.createDirectory(
        atPath: folder.path, withIntermediateDirectories: true)
      try SafetensorsWriter.write(changed, to: "\(folder.path)/model.safetensors")
      try FileManager.default.copyItem(
        atPath: "\(source)/config.json", toPath: "\(folder.path)/config.json")
      _ = try folder.load(.bf16)
    }

    private func message(
      _ fixture: String, _ tensor: String, at place: Int, _ bytes: [UInt8]
    ) -> String {
      let error = #expect(throws: FileError.self, "\(tensor)") {
        try load(fixture, tensor, at: place, bytes)
      }
      #expect(error?.kind == .malformed)
      return error?.description ?? ""
    }

    @Test func aRouterThatIsNoNumber() throws {
      let name = "model.layers.2.mlp.gate.weight"
      // NaN and infinity in bfloat16.
      for (bytes, text) in [([0xc0, 0x7f], "nan"), ([0x80, 0xff], "-inf")] as [([UInt8], String)] {
        let message = message("qwen3-moe", name, at: 20, bytes)
        #expect(message.contains("'\(name)', a router of experts, has \(text) as element 10"))
      }
      let bias = "model.layers.1.mlp.gate.e_score_correction_bias"
      #expect(message("glm4-moe", bias, at: 8, [0, 0, 0xc0, 0x7f]).contains("element 2,"))
      try load("qwen3-moe", name, at: 20, [0x80, 0x3f])
    }

    @Test func aSinkThatIsNoNumber() throws {
      let name = "model.layers.1.self_attn.sinks"
      for (bytes, text) in [([0xc0, 0x7f], "nan"), ([0x80, 0x7f], "inf")] as [([UInt8], String)] {
        let message = message("gpt-oss", name, at: 2, bytes)
        #expect(message.contains("'\(name)', attention sinks, has \(text) as element 1,"))
      }
      // −∞: a head without a sink.
      try load("gpt-oss", name, at: 2, [0x80, 0xff])
    }

    @Test func aScaleThatIsNoNumber() throws {
      let name = "model.layers.1.mlp.experts.down_proj_scales"
      let message = message("gpt-oss-mxfp4", name, at: 77, [255])
      #expect(message.contains("down_proj") && message.contains("infinite or no number"))
      try load("gpt-oss-mxfp4", name, at: 77, [120])
    }
  }
}
