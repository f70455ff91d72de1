import Foundation

/// One parser of what comes from outside. Whatever the bytes are, it must give a value or throw an
/// error with a sentence, soon and in little memory; anything else is a finding.
struct FuzzTarget: Sendable {
  let name: String
  /// Inputs from which others are made.
  let seeds: [String]
  /// What inputs are put together from, besides what is found by chance.
  let words: [String]
  let run: @Sendable (UnsafeRawBufferPointer) -> Void

  static let all: [FuzzTarget] = [
    .json, .configuration, .generation, .safetensors, .gguf, .tensorIndex, .tokenizer, .template,
    .yaml,
    .tokenIds, .messages, .prompts, .answers, .savedContext,
  ]

  nonisolated(unsafe) static var current = all[0]

  static func named(_ name: String) -> FuzzTarget {
    guard let target = all.first(where: { $0.name == name }) else {
      fatalError("there is no target '\(name)'; --list names them")
    }
    return target
  }

  func writeSeeds(to folder: String) throws {
    for (index, seed) in seeds.enumerated() {
      try Data(seed.utf8).write(to: URL(fileURLWithPath: "\(folder)/seed-\(index)"))
    }
    let lines = words.map { word in
      "\""
        + word.utf8.map { byte in
          (0x20...0x7e).contains(byte) && byte != 0x22 && byte != 0x5c
            ? String(UnicodeScalar(byte)) : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined() + "\"\n"
    }
    try Data(lines.joined().utf8).write(to: URL(fileURLWithPath: folder + ".dict"))
  }

  /// Two parts of an input: what stands before its first zero byte, and what stands behind it.
  static func parts(
    _ input: UnsafeRawBufferPointer
  ) -> (UnsafeRawBufferPointer, UnsafeRawBufferPointer) {
    guard let zero = input.firstIndex(of: 0) else {
      return (input, UnsafeRawBufferPointer(start: nil, count: 0))
    }
    return (
      UnsafeRawBufferPointer(rebasing: input[..<zero]),
      UnsafeRawBufferPointer(rebasing: input[(zero + 1)...])
    )
  }

  /// An error must say something.
  static func expectSentence(_ error: any Error) {
    precondition("\(error)".count > 10, "an error without a sentence: \(error)")
  }
}
