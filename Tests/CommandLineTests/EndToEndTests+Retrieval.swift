import CommandLine
import Foundation
import TestSupport
import Testing
import Transformer

extension EndToEndTests {
  /// Digits hidden in a context come back, however long it is and over however many ranks.
  @Suite(.serialized) struct Retrieval {
    /// Around a block of 256 tokens, a few blocks, and more than 256 blocks. One byte holds no
    /// needle: there the answer only has to come.
    @Test(arguments: [1, 255, 256, 257, 4096, 65_537])
    func needle(bytes: Int) throws {
      let count = bytes == 1 ? 0 : 1
      let haystack = try Haystack.make(tokens: bytes, needles: count, seed: UInt64(bytes))
      try withFile(haystack.text) { path in
        // The longest takes as long as all others together, on any number of ranks.
        for ranks in bytes > 60_000 ? [5] : [1, 2, 3, 5, 8] {
          let run = try runRingflash(["--context", path, "--max-tokens", "7"], ranks: ranks)
          expectSuccess(run, "\(bytes) bytes, \(ranks) ranks")
          guard let needle = haystack.needles.first else { continue }
          #expect(run.text == needle.passkey + "\n", "\(bytes) bytes, \(ranks) ranks")
        }
      }
    }

    @Test func eightNeedlesAskedInTurn() throws {
      for asked in 1...8 {
        let haystack = try Haystack.make(tokens: 8_000, needles: 8, asked: asked, seed: 8)
        try withFile(haystack.text) { path in
          let run = try runRingflash(["--context", path, "--max-tokens", "7"], ranks: 8)
          expectSuccess(run, "needle \(asked)")
          #expect(run.text == haystack.needles[asked - 1].passkey + "\n", "needle \(asked)")
        }
      }
    }

    /// Every built-in model, with equal logits on all numbers of ranks, in an answer from a saved context,
    /// too.
    @Test(arguments: NeedleModel.Variant.allCases.map(\.rawValue))
    func everyBuiltInModel(name: String) throws {
      for asked in [1, 3, 4] {
        let haystack = try Haystack.make(tokens: 3_000, needles: 4, asked: asked, seed: 5)
        try withTemporaryDirectory { directory in
          let (text, saved) = (directory + "/text", directory + "/saved")
          try Data(haystack.text).write(to: URL(fileURLWithPath: text))
          func record(_ arguments: [String], ranks: Int) throws -> Record {
            let run = try runRingflash(
              arguments + ["--report", directory + "/report", "--quiet"], ranks: ranks)
            expectSuccess(run, "\(name), needle \(asked), \(ranks) ranks")
            return try Record(path: directory + "/report")
          }
          let whole = try record(["--context", text, "--model", name, "--save", saved], ranks: 1)
          #expect(whole.text == haystack.needles[asked - 1].passkey + ".", "\(name), \(asked)")
          for ranks in asked == 3 ? [3, 8] : [3] {
            let same = try record(["--context", text, "--model", name], ranks: ranks)
            #expect(same.digest == whole.digest, "\(name), \(ranks) ranks")
          }
          #expect(try record(["--resume", saved], ranks: 2).digest == whole.digest, "\(name)")
        }
      }
    }

    /// The question in the context, as a prompt, as a file, from standard input, as token ids:
    /// the answer is the same, and without a question there is none.
    @Test(arguments: [1, 3])
    func waysToAsk(ranks: Int) throws {
      let haystack = try Haystack.make(tokens: 1500, needles: 2, asked: 2, seed: 1)
      let needle = haystack.needles[1]
      let question = Needle.opening(name: needle.name)
      let text = String(decoding: haystack.text, as: UTF8.self)
      let context = String(text.dropLast(question.count))
      try withTemporaryDirectory { directory in
        let files = ["whole": text, "context": context, "question": question]
        let ids = ["ids": text, "context-ids": context].mapValues { "\(Array($0.utf8))" }
        for (name, content) in files.merging(ids, uniquingKeysWith: { $1 }) {
          try Data(content.utf8).write(to: URL(fileURLWithPath: "\(directory)/\(name)"))
        }
        let ways: [(arguments: [String], input: String)] = [
          (["--context", "whole"], ""),
          (["--context", "-"], text),
          (["--token-ids", "ids"], ""),
          (["--context", "context", "--prompt", question], ""),
          (["--context", "context", "--prompt-file", "question"], ""),
          (["--context", "context", "--prompt-file", "-"], question),
          (["--context", "-", "--prompt-file", "question"], context),
          (["--token-ids", "context-ids", "--prompt", question], ""),
        ]
        for (arguments, input) in ways {
          let run = try runRingflash(
            arguments.map { files[$0] ?? ids[$0] == nil ? $0 : "\(directory)/\($0)" },
            ranks: ranks, input: input)
          expectSuccess(run, "\(arguments)")
          // By default the built-in model answers to the end of the line.
          #expect(run.text == needle.passkey + ".\n", "\(arguments)")
        }
        let none = try runRingflash(["--context", "\(directory)/context"], ranks: ranks)
        expectSuccess(none, "no question")
        #expect(!none.text.contains(needle.passkey))
      }
    }
  }
}
