import Files
import Inference
import Kernels
import MPI
import ModelFiles
import TestSupport
import Testing
import Transformer

extension RankTests {
  /// Weights of experts from all that files have them in.
  @Suite @MPIThread struct ExpertWeightTests {
    private static let prefix = "model.layers.0.mlp.experts"
    private static let router = "model.layers.0.mlp.router"

    /// The tensors of a file.
    private struct File {
      let folder = try! TemporaryDirectory()
      let files: ExpertTensors

      init(_ tensors: [Tensor], _ layout: ExpertLayout) throws {
        let path = folder.path + "/model.safetensors"
        try SafetensorsWriter.write(tensors, to: path)
        files = try ExpertTensors(
          SafetensorsCollection(path: path), layout: layout, of: folder.path)
      }

      func plan(
        _ requests: [TensorRequest], _ precision: Precision,
        ignoring unusedPrefixes: [String] = []
      ) throws -> WeightPlan {
        try WeightPlan(
          files: files, of: folder.path, requests: requests, ignoring: unusedPrefixes,
          quantization: nil, precision: precision)
      }
    }

    private func random(_ count: Int, seed: UInt64) -> [Float] {
      var generator = SplitMix64(seed: seed)
      return (0..<count).map { _ in
        Float(Int(truncatingIfNeeded: generator.next() >> 48) - 32_768) / 4096
      }
    }

    private func tensor(
      _ name: String, _ shape: [Int], _ floats: [Float], _ type: TensorElementType
    ) -> Tensor {
      let stored = Tensor(name: name, elementType: .float32, shape: shape, copying: floats)
      return TensorView(
        name: name, shape: shape, format: .float32, elements: stored.bytes.baseAddress!,
        owner: stored.owner
      ).converted(to: type)
    }

    private static func requests(experts: Int, hidden: Int, inner: Int) -> [TensorRequest] {
      (0..<experts).flatMap { expert in
        [("gate_proj", inner, hidden), ("up_proj", inner, hidden), ("down_proj", hidden, inner)]
          .flatMap { part, outputs, inputs in
            [
              TensorRequest(name: "\(prefix).\(expert).\(part).weight", shape: [outputs, inputs]),
              TensorRequest(name: "\(prefix).\(expert).\(part).bias", shape: [outputs]),
            ]
          }
      }
    }

    /// gpt-oss in plain numbers: [experts, inputs, outputs], gate and up by turns, against the definition,
    /// with sizes that leave remainders of tiles and items, on any number of ranks and threads.
    @Test(arguments: [TensorElementType.bfloat16, .float16, .float32])
    func columnsBecomeRows(type: TensorElementType) throws {
      let (experts, hidden, inner) = (2, 67, 291)
      let both = random(experts * hidden * 2 * inner, seed: 1)
      let down = random(experts * inner * hidden, seed: 2)
      let bothBias = random(experts * 2 * inner, seed: 3)
      let downBias = random(experts * hidden, seed: 4)
      let file = try File(
        [
          tensor("\(Self.prefix).gate_up_proj", [experts, hidden, 2 * inner], both, type),
          tensor("\(Self.prefix).down_proj", [experts, inner, hidden], down, type),
          tensor("\(Self.prefix).gate_up_proj_bias", [experts, 2 * inner], bothBias, type),
          tensor("\(Self.prefix).down_proj_bias", [experts, hidden], downBias, type),
        ], .columns)
      let host = try world.hostCommunicator()
      for precision in Precision.allCases {
        let plan = try file.plan(
          Self.requests(experts: experts, hidden: hidden, inner: inner), precision)
        #expect(plan.unusedTensors == [] && plan.mappedBytes == 0)
        let count = experts * (3 * inner * hidden + 2 * inner + hidden)
        #expect(plan.parameters == count && plan.storage[type.rawValue]?.parameters == count)
        #expect(plan.storage[type.rawValue]?.bytes == count * type.bytesPerBlock)
        let source = try PlannedWeightSource(
          plan, host: host, team: ThreadTeam(threads: 2, spins: 0))
        /// Vectors are not rounded.
        func stored(_ value: Float, isVector: Bool) -> Float {
          let value = type == .float16 ? Float(Float16(value)) : value
          let isWide = type != .bfloat16 && (isVector || precision == .fp32)
          return isWide ? value : BFloat16(value).float
        }
        for expert in 0..<experts {
          for (part, shift) in [("gate_proj", 0), ("up_proj", 1)] {
            let name = "\(Self.prefix).\(expert).\(part)"
            let weight = try source.tensor(named: "\(name).weight", shape: [inner, hidden]).floats()
            let isRight = (0..<inner).allSatisfy { output in
              (0..<hidden).allSatisfy { input in
                weight[output * hidden + input]
                  == stored(
                    both[(expert * hidden + input) * 2 * inner + 2 * output + shift],
                    isVector: false)
              }
            }
            #expect(isRight, "\(name) in \(precision)")
            let bias = try source.tensor(named: "\(name).bias", shape: [inner]).floats()
            #expect(
              bias
                == (0..<inner).map {
                  stored(bothBias[expert * 2 * inner + 2 * $0 + shift], isVector: true)
                })
          }
          let name = "\(Self.prefix).\(expert).down_proj"
          let weight = try source.tensor(named: "\(name).weight", shape: [hidden, inner]).floats()
          let isRight = (0..<hidden).allSatisfy { output in
            (0..<inner).allSatisfy { input in
              weight[output * inner + input]
                == stored(down[(expert * inner + input) * hidden + output], isVector: false)
            }
          }
          #expect(isRight, "\(name) in \(precision)")
          #expect(
            try source.tensor(named: "\(name).bias", shape: [hidden]).floats()
              == (0..<hidden).map { stored(downBias[expert * hidden + $0], isVector: true) })
        }
      }
    }

    /// The number of E2M1's codes (Open Compute Project, Microscaling Formats 1.0).
    private static let numbers: [Float] = {
      let positive: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
      return positive + positive.map { -$0 }
    }()

    /// Of the blocks as Transformers defines them: byte j has elements 2j and 2j + 1, low bits first.
    private func number(_ blocks: [UInt8], _ scales: [UInt8], row: Int, input: Int, width: Int)
      -> Float
    {
      let group = row * (width / 32) + input / 32
      let byte = blocks[group * 16 + input % 32 / 2]
      let code = input % 2 == 0 ? byte & 15 : byte >> 4
      return Self.numbers[Int(code)]
        * Float(sign: .plus, exponent: Int(scales[group]) - 127, significand: 1)
    }

    @Test func blocksAreJoinedWithTheirScales() throws {
      let (experts, hidden, inner) = (2, 96, 320)
      var generator = SplitMix64(seed: 8)
      func bytes(_ count: Int, _ range: ClosedRange<UInt8>) -> [UInt8] {
        (0..<count).map { _ in UInt8(generator.next() % UInt64(range.count)) + range.lowerBound }
      }
      let both = bytes(experts * 2 * inner * hidden / 2, 0...255)
      let bothScales = bytes(experts * 2 * inner * hidden / 32, 110...130)
      let down = bytes(experts * hidden * inner / 2, 0...255)
      let downScales = bytes(experts * hidden * inner / 32, 0...20)
      func tensor(_ name: String, _ shape: [Int], _ bytes: [UInt8]) -> Tensor {
        Tensor(
          name: "\(Self.prefix).\(name)", elementType: .unsignedInteger8, shape: shape,
          copying: bytes)
      }
      let file = try File(
        [
          tensor("gate_up_proj_scales", [experts, 2 * inner, hidden / 32], bothScales),
          tensor("gate_up_proj_blocks", [experts, 2 * inner, hidden / 32, 16], both),
          tensor("down_proj_blocks", [experts, hidden, inner / 32, 16], down),
          tensor("down_proj_scales", [experts, hidden, inner / 32], downScales),
        ], .columns)
      let requests = Self.requests(experts: experts, hidden: hidden, inner: inner).filter {
        !$0.isVector
      }
      let plan = try file.plan(requests, .bf16)
      #expect(plan.unusedTensors == [] && plan.mappedBytes == 0)
      #expect(plan.storage["MXFP4"]?.parameters == experts * 3 * hidden * inner)
      #expect(plan.storage["MXFP4"]?.bytes == experts * 3 * hidden * inner / 32 * 17)
      let source = try PlannedWeightSource(
        plan, host: world.hostCommunicator(), team: ThreadTeam(threads: 2, spins: 0))
      for expert in 0..<experts {
        for (part, shift) in [("gate_proj", 0), ("up_proj", 1)] {
          let view = try source.tensor(
            named: "\(Self.prefix).\(expert).\(part).weight", shape: [inner, hidden])
          #expect(view.format == .mxfp4)
          let expected = (0..<inner * hidden).map {
            number(
              both, bothScales, row: expert * 2 * inner + 2 * ($0 / hidden) + shift,
              input: $0 % hidden, width: hidden)
          }
          #expect(view.floats() == expected, "\(part) of \(expert)")
        }
        let view = try source.tensor(
          named: "\(Self.prefix).\(expert).down_proj.weight", shape: [hidden, inner])
        let expected = (0..<hidden * inner).map {
          number(
            down, downScales, row: expert * hidden + $0 / inner, input: $0 % inner, width: inner)
        }
        #expect(view.floats() == expected, "down_proj of \(expert)")
      }
    }

    /// In no precision is a router rounded, and F16 becomes what is the same in float32.
    @Test func aRouterIsNotRounded() throws {
      let values = random(6 * 10, seed: 5).map { $0 + 0x1p-12 }
      let request = TensorRequest(name: "\(Self.router).weight", shape: [6, 10], isExact: true)
      for (type, format, isShared) in [
        (TensorElementType.float32, WeightFormat.float32, false), (.float16, .float32, true),
        (.bfloat16, .bfloat16, false),
      ] {
        let stored = tensor(request.name, request.shape, values, type)
        let file = try File([stored], .rows)
        for precision in Precision.allCases {
          let plan = try file.plan([request], precision)
          #expect((plan.sharedBytes > 0) == isShared && (plan.mappedBytes > 0) == !isShared)
          let source = try PlannedWeightSource(
            plan, host: world.hostCommunicator(), team: ThreadTeam(threads: 1))
          let view = try source.exactTensor(named: request.name, shape: request.shape)
          #expect(view.format == format)
          let expected = values.map {
            type == .float32 ? $0 : type == .float16 ? Float(Float16($0)) : BFloat16($0).float
          }
          #expect(view.floats() == expected, "\(type.rawValue) in \(precision)")
        }
      }
      let file = try File(
        [
          Tensor(
            name: request.name, elementType: .float8e4m3, shape: request.shape,
            copying: [UInt8](repeating: 1, count: 60))
        ], .rows)
      expectError(.unsupported, naming: ["F8_E4M3", "for a router", "BF16, F16 and F32"]) {
        _ = try file.plan([request], .bf16)
      }
    }

    @Test func expertsThatDoNotFitAreRefused() throws {
      let requests = Self.requests(experts: 4, hidden: 2, inner: 3).filter { !$0.isVector }
      func single(_ expert: Int, _ part: String, _ shape: [Int]) -> Tensor {
        tensor(
          "\(Self.prefix).\(expert).\(part).weight", shape,
          [Float](repeating: 1, count: shape.reduce(1, *)), .bfloat16)
      }
      func fused(_ name: String, _ shape: [Int]) -> Tensor {
        tensor(
          "\(Self.prefix).\(name)", shape, [Float](repeating: 1, count: shape.reduce(1, *)),
          .bfloat16)
      }
      let singles = (0..<4).flatMap {
        [
          single($0, "gate_proj", [3, 2]), single($0, "up_proj", [3, 2]),
          single($0, "down_proj", [2, 3]),
        ]
      }
      _ = try File(singles, .rows).plan(requests, .bf16)
      expectError(
        .malformed,
        naming: ["experts.2.up_proj.weight'", "there are 3", "missing is that of expert 2"]
      ) {
        _ = try File(singles.filter { !$0.name.contains("2.up_proj") }, .rows).plan(requests, .bf16)
      }
      expectError(.malformed, naming: ["experts.3.down_proj.weight'", "[3, 3]", "[2, 3]"]) {
        let others = singles.filter { !$0.name.contains("3.down_proj") }
        _ = try File(others + [single(3, "down_proj", [3, 3])], .rows).plan(requests, .bf16)
      }
      // Too few, too many, and of other sizes.
      expectError(.malformed, naming: ["experts.3.gate_proj", "there are 3", "of expert 3"]) {
        _ = try File([fused("gate_up_proj", [3, 6, 2]), fused("down_proj", [3, 2, 3])], .rows)
          .plan(requests, .bf16)
      }
      let plan = try File(
        [fused("gate_up_proj", [5, 6, 2]), fused("down_proj", [4, 2, 3])], .rows
      )
      .plan(requests, .bf16)
      #expect(
        plan.unusedTensors == ["\(Self.prefix).gate_up_proj[4]", "\(Self.prefix).gate_up_proj[4]"])
      expectError(.malformed, naming: ["gate_up_proj[0]'", "[4, 2]", "[3, 2]"]) {
        _ = try File([fused("gate_up_proj", [4, 8, 2]), fused("down_proj", [4, 2, 3])], .rows)
          .plan(requests, .bf16)
      }
    }

    /// Layers that predict further tokens are not missed by a warning.
    @Test func whatAFamilyDoesNotUseIsNotWarnedOf() throws {
      let names = ["model.layers.0.mlp.router.weight", "model.layers.1.mlp.experts.down_proj"]
      let file = try File(
        [
          tensor(names[0], [2, 2], [1, 2, 3, 4], .bfloat16),
          tensor(names[1], [1, 2, 2], [1, 2, 3, 4], .bfloat16),
        ], .rows)
      let request = TensorRequest(name: names[0], shape: [2, 2])
      #expect(try file.plan([request], .bf16).unusedTensors == [names[1] + "[0]"])
      let plan = try file.plan([request], .bf16, ignoring: ["model.layers.1."])
      #expect(plan.unusedTensors == [])
    }

    @Test func allExpertsInOneAsFloat8AreRefused() throws {
      let request = TensorRequest(name: "\(Self.prefix).0.gate_proj.weight", shape: [2, 3])
      let file = try File(
        [
          Tensor(
            name: "\(Self.prefix).gate_up_proj", elementType: .float8e4m3, shape: [1, 4, 3],
            copying: [UInt8](repeating: 0x38, count: 12))
        ], .rows)
      expectError(.unsupported, naming: ["gate_up_proj[0]'", "FP8", "BF16"]) {
        _ = try file.plan([request], .bf16)
      }
    }

    /// Thirty thousand experts' matrices are found in a moment, not by looking through all names.
    @Test func manyExpertsAreFoundFast() throws {
      let (layers, experts) = (80, 128)
      let tensors = (0..<layers).flatMap { layer in
        [("gate_up_proj", [experts, 4, 2]), ("down_proj", [experts, 2, 2])].map { name, shape in
          tensor(
            "model.layers.\(layer).mlp.experts.\(name)", shape,
            [Float](repeating: 1, count: shape.reduce(1, *)), .bfloat16)
        }
      }
      let requests = (0..<layers).flatMap { layer in
        (0..<experts).flatMap { expert in
          ["gate_proj", "up_proj", "down_proj"].map {
            TensorRequest(
              name: "model.layers.\(layer).mlp.experts.\(expert).\($0).weight", shape: [2, 2])
          }
        }
      }
      let elapsed = try ContinuousClock().measure {
        let plan = try File(tensors, .rows).plan(requests, .bf16)
        #expect(plan.unusedTensors == [] && plan.mappedBytes == requests.count * 8)
      }
      #expect(elapsed < .seconds(10), "\(requests.count) in \(elapsed)")
    }
  }
}
