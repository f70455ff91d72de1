import ContextFiles
import Digests
import Files
import Foundation
import Ranks

@testable import CommandLine

extension FuzzTarget {
  /// The questions of `--prompts`.
  static let prompts = FuzzTarget(
    name: "prompts",
    seeds: [
      """
      {"id": 1, "prompt": "why?", "max_tokens": 5, "stop": ["\\n"], "temperature": 0.5, "seed": 1}
      {"id": "b", "token_ids": [1, 2, 3], "top_k": 5, "top_p": 0.9}\r

      {"id": "\\u00e9", "prompt": "x"}
      """
    ],
    words: questionWords
  ) { input in
    do throws(Failure) {
      let file = try PromptsFile(bytes: Array(input), name: "input")
      precondition(!file.questions.isEmpty)
    } catch {
      precondition(!error.message.isEmpty)
    }
  }

  /// The answers that an earlier run left behind, whose last line may be cut short.
  static let answers = FuzzTarget(
    name: "answers",
    seeds: [
      """
      {"id": 1, "text": "because", "fingerprint": "\(String(repeating: "0a", count: 32))"}
      {"id": "b", "text": "th
      """
    ],
    words: questionWords + ["\"text\"", "\"fingerprint\"", "\"question\"", "\"token_ids\""]
  ) { input in
    do throws(Failure) {
      _ = try AnsweredQuestions(bytes: Array(input), name: "input")
    } catch {
      precondition(!error.message.isEmpty)
    }
  }

  private static let questionWords = [
    "{", "}", "[", "]", ":", ",", "\n", "\r\n", "\"id\"", "\"prompt\"", "\"token_ids\"", "\"stop\"",
    "\"temperature\"", "\"seed\"", "\"max_tokens\"", "\"top_k\"", "\"top_p\"", "\"min_p\"",
    "\"repetition_penalty\"", "\"presence_penalty\"", "\"frequency_penalty\"", "null", "true", "-1",
    "1e308", "9223372036854775807", "18446744073709551615", "18446744073709551616",
    "\\ud83d\\ude00",
  ]

  /// The manifest of a saved context, as it is and with the checksum that it should have.
  static let savedContext = FuzzTarget(
    name: "saved-context", seeds: [savedContextSeed(base: nil), savedContextSeed(base: 260)],
    words: [
      "{", "}", "[", "]", ":", ",", "null", "true", "0", "-1", "9223372036854775807", "1073741824",
      "65536", "\"chat\"", "\"variables\"", "\"tokens\"", "\"layers\"", "\"layout\"", "\"model\"",
      "\"finished_layers\"", "\"block_bytes\"", "\"tokens_per_block\"", "\"blocks_sha256\"",
      "\"base\"", "\"rotation_tokens\"", "\"base_tail_sha256\"",
    ]
  ) { input in
    func read(_ bytes: UnsafeRawBufferPointer) {
      do throws(FileError) {
        let manifest = try ContextManifest(bytes: bytes, path: "input")
        precondition(manifest.bytes > 0 && manifest.description.activationBytes > 0)
        for block in [manifest.description.baseBlocks, manifest.description.blocks - 1] {
          precondition(manifest.description.activationBytes(ofBlock: block) > 0)
        }
      } catch {
        expectSentence(error)
      }
    }
    read(input)
    if let manifest = try? JSONDecoder().decode(ContextManifest.self, from: Data(input)),
      let json = try? manifest.json()
    {
      json.withUnsafeBytes(read)
    }
  }

  /// - Parameter base: tokens of the context that it extends; nil where it extends none.
  private static func savedContextSeed(base: Int?) -> String {
    let checksum = Checksum(of: UnsafeRawBufferPointer(start: nil, count: 0))
    var manifest = ContextManifest(
      description: ContextDescription(
        version: "1.2.3",
        model: .init(
          name: "some/model", path: "/some/model", identity: "abc", randomWeights: false),
        precision: "bf16", instructionSet: "avx2",
        layout: .init(
          layers: [64, 32, 64].map {
            .init(
              queryHeads: 4, keyValueHeads: 2, headDimension: $0, paddedHeadDimension: $0,
              blockBytes: 1024 * $0)
          }, hiddenSize: 256, tokensPerBlock: 256, arrangement: "rows"),
        layers: 3, tokens: 300,
        chat: .init(system: "brief", separated: true, variables: ["a": "[1]"])),
      finishedLayers: 2, prefillMilliseconds: 12, tokens: checksum, blocks: [checksum, checksum],
      activations: [checksum, checksum])
    if let base {
      manifest.description.base = .init(
        tokens: base, path: "/saved", manifest: checksum, rotationTokens: 300)
      manifest.activations = [checksum]
      manifest.baseTail = checksum
    }
    return (try? manifest.json()).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }
}
