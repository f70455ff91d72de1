import Foundation
import Inference
import Kernels
import ModelFiles
import TestSupport
import Testing

struct ReferenceLogitsTests {
  /// A safetensors file with one tensor and so many spaces behind its header.
  private func file(
    _ directory: TemporaryDirectory, type: String, shape: [Int], _ bytes: [UInt8], spaces: Int = 0
  ) throws -> String {
    let header =
      #"{"any":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":[0,\#(bytes.count)]}}"#
      + String(repeating: " ", count: spaces)
    let length = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) }
    return try directory.write("l.safetensors", length + Array(header.utf8) + bytes)
  }

  private func bytes<Element>(_ elements: [Element]) -> [UInt8] {
    elements.withUnsafeBytes { Array($0) }
  }

  /// Of each type that logits have, at any address, the first position that has no number.
  @Test(arguments: ["F32", "F16", "BF16"], 0..<4)
  func positionsWithoutNumbers(type: String, spaces: Int) throws {
    let directory = try TemporaryDirectory()
    let team = ThreadTeam(threads: 2, spins: 0)
    for wrong in [Float.infinity, -.infinity, .nan] {
      var values: [Float] = (0..<40).map { Float($0) - 20 }
      values[4 * 5 + 3] = wrong
      values[6 * 5] = wrong
      let content =
        switch type {
        case "F32": bytes(values)
        case "BF16": bytes(values.map { BFloat16($0).bitPattern })
        default:
          bytes(
            values.map { value -> UInt16 in
              value.isNaN
                ? 0x7e01
                : value.isFinite ? Self.half(value) : value > 0 ? 0x7c00 : 0xfc00
            })
        }
      let path = try file(directory, type: type, shape: [8, 5], content, spaces: spaces)
      let logits = try ReferenceLogits(path: path)
      #expect(logits.positions == 8 && logits.vocabulary == 5)
      for (ranges, first) in [
        ([0..<8], 4), ([0..<4], nil), ([5..<6, 6..<8], 6), ([1..<3, 7..<8], nil), ([], nil),
      ] {
        #expect(
          logits.firstNonFinite(in: ranges, team: team, tick: {}) == first,
          "\(type), \(wrong), \(ranges)")
      }
    }
  }

  /// Of a whole number below 2048.
  private static func half(_ value: Float) -> UInt16 {
    value == 0
      ? 0
      : UInt16(value < 0 ? 0x8000 : 0) | UInt16(truncatingIfNeeded: Int(value.exponent) + 15) << 10
        | UInt16(value.significandBitPattern >> 13)
  }

  @Test func whatIsNoLogits() throws {
    let directory = try TemporaryDirectory()
    for (type, shape, count, words) in [
      ("F32", [6], 24, ["shape [6]", "[positions, vocabulary]"]),
      ("F32", [1, 2, 3], 24, ["shape [1, 2, 3]"]), ("F32", [0, 3], 0, ["shape [0, 3]"]),
      ("F64", [1, 3], 24, ["type F64", "F32, F16 or BF16"]), ("I32", [2, 3], 24, ["type I32"]),
    ] {
      let path = try file(
        directory, type: type, shape: shape, [UInt8](repeating: 0, count: count))
      expectError(.malformed, naming: [path] + words) { _ = try ReferenceLogits(path: path) }
    }
    let two = directory.path + "/two"
    try SafetensorsWriter.write(
      [
        Tensor(name: "a", elementType: .float32, shape: [1, 1], copying: [Float(1)]),
        Tensor(name: "b", elementType: .float32, shape: [1, 1], copying: [Float(1)]),
      ], to: two)
    expectError(.malformed, naming: [two, "2 tensors"]) { _ = try ReferenceLogits(path: two) }
    expectError(.notFound, naming: ["none"]) {
      _ = try ReferenceLogits(path: directory.path + "/none")
    }
    expectError(.malformed, naming: ["empty"]) {
      _ = try ReferenceLogits(path: directory.write("e", ""))
    }
    expectError(.malformed, naming: ["safetensors"]) {
      _ = try ReferenceLogits(path: directory.write("t", "some text that is none of these"))
    }
  }

  @Test func whatIsOfAnotherTextOrModel() throws {
    let directory = try TemporaryDirectory()
    let logits = try ReferenceLogits(
      path: file(
        directory, type: "F32", shape: [3, 5], [UInt8](repeating: 0, count: 60)))
    try logits.check(contextTokens: 3, modelName: "m", vocabulary: 5)
    expectError(.malformed, naming: ["3 positions", "4 tokens", "--logits-all"]) {
      try logits.check(contextTokens: 4, modelName: "m", vocabulary: 5)
    }
    expectError(.malformed, naming: ["5 tokens", "'m'", "of 3;", "the file has 2 more", "padding"])
    {
      try logits.check(contextTokens: 3, modelName: "m", vocabulary: 3)
    }
    expectError(.malformed, naming: ["of 9;", "the model has 4 more"]) {
      try logits.check(contextTokens: 3, modelName: "m", vocabulary: 9)
    }
  }
}
