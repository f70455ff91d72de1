import Foundation
import Inference
import Kernels
import MPI
import ModelFiles
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// A model from a GGUF file is the model of its safetensors.
  @Suite(.enabled { await isOneRank() }) @MPIThread struct GGUFModelTests {
    /// A random model in both forms.
    private struct Pair {
      let folder = try! ModelFolder()
      let sample: GGUFSample
      let tensors: [TensorView]
      let reference: ModelOutline

      init(_ sample: GGUFSample, precision: Precision) throws {
        self.sample = sample
        try folder.write(configuration: Data(sample.configuration.utf8), tensors: [])
        let configuration = try ModelOutline(
          folder.directory, precision: precision, weights: .none
        ).configuration
        tensors = try RandomModel(configuration, seed: 6).tensors.map(\.asHalves)
        try folder.write(configuration: Data(sample.configuration.utf8), tensors: tensors)
        reference = try ModelOutline(folder.directory, precision: precision)
      }

      /// Writes the file and opens it.
      func outline(
        _ type: TensorElementType, precision: Precision,
        change: (inout GGUFWriter) -> Void = { _ in }
      ) throws -> ModelOutline {
        var file = sample.file(tensors, type: type)
        change(&file)
        let path = "\(folder.path)/model.gguf"
        try Data(file.bytes).write(to: URL(fileURLWithPath: path))
        return try ModelOutline(StoredModels.model(at: path), precision: precision)
      }
    }

    private func logits(_ outline: ModelOutline, _ arithmetic: Arithmetic) throws -> [Float] {
      let communicator = try MPIEnvironment.communicatorOfThisRank()
      let weights = try outline.load(host: communicator, team: arithmetic.team).weights
      return try DecoderRun(weights, context: 70).logits(communicator, arithmetic)
    }

    /// In every type of elements that all values have, to the last bit where rows are in the same order;
    /// else sums of scores have another one.
    @Test(arguments: GGUFSample.architectures + GGUFSample.architecturesWithExperts)
    func itGivesTheLogitsOfItsSafetensors(architecture: String) throws {
      for arithmetic in highestArithmetics(threads: 2) {
        let precision = arithmetic.precision
        let pair = try Pair(GGUFSample(architecture), precision: precision)
        let expected = try logits(pair.reference, arithmetic)
        for type in [TensorElementType.bfloat16, .float16, .float32] {
          let outline = try pair.outline(type, precision: precision)
          let label: Comment = "\(architecture), \(type.rawValue), \(arithmetic.label)"
          #expect(outline.warnings.isEmpty && outline.unknownKeys == nil, label)
          #expect(outline.endOfSequenceTokens == [2, 5], label)
          #expect(outline.weights.unusedTensors.isEmpty, label)
          let isPermuted = outline.configuration.rotations[0].parameters.layout == .adjacent
          #expect(isPermuted == ["llama", "mixtral", "smollm3"].contains(architecture), label)
          #expect(outline.configuration.rotating(.halves) == pair.reference.configuration, label)
          let logits = try logits(outline, arithmetic)
          guard isPermuted else {
            #expect(logits.bits == expected.bits, label)
            continue
          }
          let scale = expected.reduce(0) { max($0, abs($1)) }
          let error = zip(logits, expected).reduce(0) { max($0, abs($1.0 - $1.1)) } / scale
          #expect(error < (precision == .fp32 ? 1e-5 : 2e-2), "\(label): \(error)")
        }
      }
    }

    /// Weights in blocks of small integers are used where they lie, embeddings and heads too; as int8 they
    /// give nearly the logits of fp32 precision: each of some 16 matrices in a row loses half a 127th of
    /// the largest of 32 inputs, about 0.6 %.
    @Test(arguments: ["qwen2", "gemma3"])
    func quantizedWeightsAreUsedInPlace(architecture: String) throws {
      let file = try QuantizedModelFile(architecture)
      let formats = Set(file.random.tensors.map(\.format)).intersection(WeightFormat.quantized)
      // Some rows of Gemma 3 are too short for the format whose turn it is.
      #expect(formats.count >= WeightFormat.quantized.count - (architecture == "gemma3" ? 1 : 0))
      var exact: [Float] = []
      for (precision, products) in [
        (Precision.fp32, QuantizedProducts.unpacked), (.fp32, .int8), (.bf16, .int8),
        (.bf16, .unpacked),
      ] {
        let arithmetic = Arithmetic(
          Numerics(precision: precision, quantizedProducts: products), instructionSet: .fastest,
          team: ThreadTeam(threads: 2, spins: 0))
        let label: Comment = "\(architecture), \(products), \(arithmetic.label)"
        let outline = try file.outline(precision)
        #expect(outline.warnings.isEmpty && outline.weights.unusedTensors.isEmpty, label)
        #expect(
          formats.allSatisfy {
            outline.weights.storage[$0.name.uppercased()] != nil
          }, "\(outline.weights.storage.keys)")
        let logits = try logits(outline, arithmetic)
        let memory = try DecoderRun(file.random.weights, context: 70).logits(
          MPIEnvironment.communicatorOfThisRank(), arithmetic)
        #expect(logits.bits == memory.bits, label)
        if exact.isEmpty { exact = logits }
        let size = exact.reduce(0) { $0 + $1 * $1 }
        let error = zip(logits, exact).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        #expect(error <= 0.05 * 0.05 * size, "\(label): \((error / size).squareRoot())")
      }
    }

    /// All experts of a layer in one tensor of each format in turn: the bits of the same blocks in memory.
    @Test(arguments: ["gpt-oss", "qwen2moe", "qwen3moe", "glm4moe"])
    func expertsOfBlocksAreUsedInPlace(architecture: String) throws {
      let file = try QuantizedModelFile(architecture)
      let formats = file.random.tensors.filter {
        $0.name.contains(".experts.") && $0.shape.count == 2
      }
      .map(\.format)
      #expect(Set(formats).intersection(WeightFormat.quantized).count >= 3)
      for arithmetic in highestArithmetics(threads: 2) {
        let outline = try file.outline(arithmetic.precision)
        let label: Comment = "\(architecture), \(arithmetic.label)"
        #expect(outline.warnings.isEmpty && outline.weights.unusedTensors.isEmpty, label)
        #expect(outline.weights.sharedBytes == 0, label)
        let memory = try DecoderRun(file.random.weights, context: 70).logits(
          MPIEnvironment.communicatorOfThisRank(), arithmetic)
        #expect(try logits(outline, arithmetic).bits == memory.bits, label)
      }
    }

    /// Mixtral's first files have a tensor for each expert.
    @Test func aTensorForEachExpertIsFound() throws {
      let arithmetic = Arithmetic(
        precision: .fp32, instructionSet: .portable, team: ThreadTeam(threads: 1))
      let pair = try Pair(GGUFSample("mixtral"), precision: .fp32)
      let stacked = try logits(pair.outline(.float32, precision: .fp32), arithmetic)
      let single = try pair.outline(.float32, precision: .fp32) { file in
        file.items = file.items.flatMap { item -> [GGUFWriter.Item] in
          guard item.name.contains("_exps") else { return [item] }
          let experts = Int(item.dimensions[2])
          let bytes = item.bytes.count / experts
          return (0..<experts).map {
            GGUFWriter.Item(
              item.name.replacingOccurrences(of: "_exps", with: ".\($0)"), type: item.type,
              item.dimensions.dropLast(), Array(item.bytes[$0 * bytes..<($0 + 1) * bytes]))
          }
        }
      }
      #expect(single.weights.unusedTensors.isEmpty)
      #expect(try logits(single, arithmetic).bits == stacked.bits)
    }

    /// The order of rows counts: read as halves, the same file is another model.
    @Test func pairsInTheWrongOrderAreAnotherModel() throws {
      let arithmetic = Arithmetic(
        precision: .fp32, instructionSet: .portable, team: ThreadTeam(threads: 1))
      let pair = try Pair(GGUFSample("llama"), precision: .fp32)
      let expected = try logits(pair.reference, arithmetic)
      let permuted = try pair.outline(.float32, precision: .fp32).load(
        host: MPIEnvironment.communicatorOfThisRank(), team: arithmetic.team
      ).weights
      let wrong = ModelWeights(
        configuration: permuted.configuration.rotating(.halves), embedding: permuted.embedding,
        layers: permuted.layers, finalNorm: permuted.finalNorm, head: permuted.head)
      let logits = try DecoderRun(wrong, context: 70).logits(
        MPIEnvironment.communicatorOfThisRank(), arithmetic)
      let scale = expected.reduce(0) { max($0, abs($1)) }
      #expect(zip(logits, expected).contains { abs($0 - $1) > 0.01 * scale })
    }

    /// Divisors of frequencies, as Llama 3.1 has them, and a rotation of a part of each head.
    @Test func divisorsAndPartsOfARotationAreRead() throws {
      let arithmetic = Arithmetic(
        precision: .fp32, instructionSet: .portable, team: ThreadTeam(threads: 1))
      let rope = #""rope_type": "longrope", "short_factor": [1, 2, 4, 8], "long_factor": "#
      let pair = try Pair(
        GGUFSample(
          "qwen2",
          adding: """
            "rope_scaling": {\(rope)[1, 2, 4, 8], "attention_factor": 1,
              "original_max_position_embeddings": 4096, "partial_rotary_factor": 0.5}
            """), precision: .fp32)
      let outline = try pair.outline(.float32, precision: .fp32) {
        $0.metadata.append(("qwen2.rope.dimension_count", .uint32(8)))
        $0.items.append(.floats("rope_freqs.weight", [1, 2, 4, 8]))
      }
      #expect(outline.configuration == pair.reference.configuration)
      #expect(outline.weights.unusedTensors.isEmpty)
      #expect(
        try logits(outline, arithmetic).bits == logits(pair.reference, arithmetic).bits)
    }

    @Test func whatTheFileHasBesidesIsSaid() throws {
      let pair = try Pair(GGUFSample("qwen3"), precision: .fp32)
      let outline = try pair.outline(.float32, precision: .fp32) {
        $0.metadata.append(("qwen3.magic", .uint32(1)))
        $0.metadata.append(("general.magic", .uint32(1)))
        $0.items.append(.floats("blk.0.attn_magic.weight", [1]))
      }
      #expect(outline.remarks.unknownKeys == ["qwen3.magic"])
      #expect(outline.weights.unusedTensors == ["blk.0.attn_magic.weight"])
      #expect(outline.warnings.count == 2)
      #expect(outline.warnings.allSatisfy { $0.contains("model.gguf") }, "\(outline.warnings)")
      #expect(outline.weights.storage["F32"]?.tensors == pair.tensors.count)
    }

    /// Tensors that are missing, of another shape or of a type that is not supported are named as the file
    /// names them.
    @Test func tensorsThatDoNotFitAreRefused() throws {
      let pair = try Pair(GGUFSample("qwen3"), precision: .bf16)
      let quantized = GGUFWriter.Item(
        "", type: 8, [32], [UInt8](repeating: 1, count: 34))
      let cases: [(name: String, words: [String], change: (inout GGUFWriter.Item) -> Void)] = [
        ("blk.3.ffn_down.weight", ["has no tensor"], { $0.name = "magic" }),
        ("blk.2.attn_q_norm.weight", ["shape"], { $0 = .floats($0.name, [1]) }),
        (
          "blk.2.attn_q_norm.weight", ["Q8_0", "norm"],
          { $0 = GGUFWriter.Item($0.name, type: 8, [32], quantized.bytes) }
        ),
      ]
      for (name, words, change) in cases {
        expectError(
          words == ["Q8_0", "norm"] ? .unsupported : .malformed,
          naming: words + [name, "model.gguf"]
        ) {
          _ = try pair.outline(.bfloat16, precision: .bf16) { file in
            let index = file.items.firstIndex { $0.name == name }!
            change(&file.items[index])
          }
        }
      }
    }
  }
}
