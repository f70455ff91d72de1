import CommandLine
import Foundation
import ModelFiles
import TestSupport
import Testing

extension EndToEndTests {
  /// Models whose matrices are FP8.
  @Suite(.serialized) struct Float8 {
    private func ids(_ directory: String) throws -> String {
      let path = directory + "/ids.json"
      try Data("\((0..<600).map { ($0 * $0 + 7 * $0) % 256 })".utf8).write(
        to: URL(fileURLWithPath: path))
      return path
    }

    private func checkpoint(_ layout: Float8Checkpoint.Layout) throws -> Float8Checkpoint {
      Float8Checkpoint(try RandomModel(RandomModel.sampleConfiguration(), seed: 7), layout)
    }

    /// The digest of the same weights in BF16 or F32, on 1 and 3 ranks.
    @Test(arguments: ["bf16", "fp32"])
    func digestsAreThoseOfTheUnpackedWeights(precision: String) throws {
      try withTemporaryDirectory { directory in
        let tokens = try ids(directory)
        for layout in [Float8Checkpoint.Layout.fineGrained, .channels] {
          let checkpoint = try checkpoint(layout)
          let (path, unpacked) = ("\(directory)/\(layout)", "\(directory)/\(layout)-unpacked")
          try ModelDirectory.write(
            to: path, configuration: checkpoint.configuration, tensors: checkpoint.tensors)
          try ModelDirectory.write(
            to: unpacked, configuration: checkpoint.unpackedConfiguration,
            tensors: checkpoint.unpackedTensors(precision == "fp32" ? .float32 : .bfloat16))
          var digests: Set<String> = []
          for (model, ranks, threads) in [(path, 1, 2), (path, 3, 1), (unpacked, 1, 1)] {
            let run = try runRingflash(
              [
                "--model", model, "--token-ids", tokens, "--max-tokens", "3", "--precision",
                precision, "--threads", "\(threads)", "--quiet", "--json",
              ], ranks: ranks)
            expectSuccess(run, "\(layout), \(ranks) ranks")
            #expect(run.error.isEmpty)
            digests.insert(try Record(json: Data(run.output)).digest)
          }
          #expect(digests.count == 1, "\(layout)")
        }
      }
    }

    @Test func inspectShowsTheTypes() throws {
      try withTemporaryDirectory { directory in
        let (checkpoint, path) = (try checkpoint(.fineGrained), directory + "/model")
        try ModelDirectory.write(
          to: path, configuration: checkpoint.configuration, tensors: checkpoint.tensors)
        let text = try runRingflash(["inspect", path, "--tokens", "600"])
        expectSuccess(text, "inspect")
        for word in ["BF16 (", "F8_E4M3 (", "fits"] { #expect(text.text.contains(word)) }
        try FileManager.default.removeItem(atPath: path + "/model.safetensors")
        let absent = try runRingflash(["inspect", path])
        expectSuccess(absent, "inspect without weights")
        #expect(absent.text.contains("as F8_E4M3 where"))
      }
    }

    /// Like any other format of weights, with sizes that are no multiple of a block's.
    @Test(arguments: ["bf16", "fp32"])
    func linearLayersAreMeasured(precision: String) throws {
      for ranks in [nil, 2] {
        let run = try runRingflash(
          [
            "bench", "linear", "--weights", "fp8_e4m3", "--rows", "300", "--inputs", "300",
            "--outputs", "200", "--precision", precision, "--repetitions", "2", "--format", "json",
          ], ranks: ranks)
        expectSuccess(run, "\(precision) on \(ranks ?? 1) ranks")
        let lines = try #require(
          JSONSerialization.jsonObject(with: Data(run.output)) as? [[String: Any]])
        #expect(lines.map { $0["weights"] as? String } == ["fp8_e4m3", "fp8_e4m3"])
        #expect(lines.allSatisfy { ($0["seconds"] as? Double ?? 0) > 0 })
      }
    }

    /// One sentence, on one rank and on several.
    @Test func whatDoesNotFitIsOneSentence() throws {
      try withTemporaryDirectory { directory in
        let (tokens, path) = (try ids(directory), directory + "/model")
        let checkpoint = try checkpoint(.tensors)
        let name = "model.layers.0.self_attn.q_proj.weight_scale"
        let broken = checkpoint.tensors.map { tensor in
          tensor.name == name
            ? Tensor(name: name, elementType: .float32, shape: [1], copying: [-1 as Float]) : tensor
        }
        let plain = checkpoint.unpackedConfiguration
        for (configuration, tensors, words) in [
          (checkpoint.configuration, broken, [name, "-1.0", "not negative"]),
          (plain, checkpoint.tensors, ["F8_E4M3", "quantization_config"]),
        ] {
          try ModelDirectory.write(
            to: path, configuration: configuration, tensors: tensors, overwrite: true)
          for ranks in [nil, 2] {
            let run = try runRingflash(["--model", path, "--token-ids", tokens], ranks: ranks)
            #expect(run.exitCode == 65 && run.output.isEmpty && run.messages.count == 1)
            for word in words {
              #expect(run.messages.first?.contains(word) == true, "\(word) in \(run.error)")
            }
          }
        }
      }
    }
  }
}
