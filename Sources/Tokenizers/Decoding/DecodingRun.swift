/// Tokens on their way to text, one token after the other.
///
/// What a step cannot yet know it holds back, so the texts that come out, joined, are the text of
/// all tokens at once.
struct DecodingRun: Sendable {
  private struct State: Sendable {
    /// What is held back.
    var pending: [UInt8] = []
    /// Tokens so far, or characters stripped.
    var count = 0
  }

  private let steps: [DecodingStep]
  private var states: [State]
  private var output: [UInt8] = []

  init(_ steps: [DecodingStep]) {
    self.steps = steps
    states = [State](repeating: State(), count: steps.count)
  }

  /// The text that is certain once the token `text` has come.
  mutating func append(_ text: [UInt8]) -> [UInt8] {
    push(text, 0)
    defer { output = [] }
    return output
  }

  /// What was held back; the run is as new then.
  mutating func finish() -> [UInt8] {
    for index in steps.indices {
      flush(index)
      states[index] = State()
    }
    defer { output = [] }
    return output
  }

  /// Gives `text` to the step `index`.
  private mutating func push(_ text: [UInt8], _ index: Int) {
    guard index < steps.count else {
      output += text
      return
    }
    switch steps[index] {
    case .fuse:
      push(text, index + 1)
    case .replace(let pattern, let replacement):
      let replaced = text.withUnsafeBufferPointer {
        // A pattern of a decoder sees single tokens only; PCRE2 gives up on none of that length.
        try? Normalizer.replacing(pattern, in: $0, by: replacement)
      }
      push(replaced ?? text, index + 1)
    case .replaceInText(let pattern, let replacement):
      push(replacing(pattern, by: replacement, text, index), index + 1)
    case .byteFallback:
      if let byte = Self.byte(ofToken: text) {
        states[index].pending.append(byte)
      } else {
        flush(index)
        push(text, index + 1)
      }
    case .strip(let character, let start, let stop):
      push(Self.stripped(text, character, start, stop), index + 1)
    case .stripText(let character, let start, let stop):
      push(stripping(character, start, stop, text, index), index + 1)
    case .metaspace(let replacement, let dropsFirst):
      let isFirst = states[index].count == 0
      states[index].count += 1
      let space: [UInt8] = isFirst && dropsFirst ? [] : [0x20]
      push(Self.replacing(replacement, by: space, text), index + 1)
    case .metaspaceInText(let replacement, let dropsFirst):
      push(Self.replacing(replacement, by: dropsFirst ? [] : [0x20], text), index + 1)
    case .byteLevel:
      states[index].pending += ByteLevel.bytes(ofToken: text) ?? text
      let pending = states[index].pending
      let whole = pending.count - UTF8Scan.incompleteTail(of: pending)
      states[index].pending = Array(pending[whole...])
      push(Array(String(decoding: pending[..<whole], as: UTF8.self).utf8), index + 1)
    case .joinBySpaces:
      let isFirst = states[index].count == 0
      states[index].count += 1
      push(isFirst ? text : [0x20] + text, index + 1)
    }
  }

  /// Gives what the step `index` holds back to the next one.
  private mutating func flush(_ index: Int) {
    let pending = states[index].pending
    if pending.isEmpty { return }
    states[index].pending = []
    switch steps[index] {
    case .byteFallback:
      if String(validating: pending, as: UTF8.self) != nil {
        push(pending, index + 1)
      } else {
        for _ in pending { push([0xef, 0xbf, 0xbd], index + 1) }
      }
    case .byteLevel:
      push(Array(String(decoding: pending, as: UTF8.self).utf8), index + 1)
    case .replaceInText:
      push(pending, index + 1)
    default:
      // What `stripText` holds back is what is to be stripped.
      break
    }
  }

  fileprivate static func byte(ofToken text: [UInt8]) -> UInt8? {
    guard text.count == 6, text.starts(with: "<0x".utf8), text[5] == UInt8(ascii: ">"),
      text[3] != UInt8(ascii: "-")
    else { return nil }
    return UInt8(String(decoding: text[3..<5], as: UTF8.self), radix: 16)
  }

  fileprivate static func replacing(
    _ pattern: [UInt8], by replacement: [UInt8], _ text: [UInt8]
  ) -> [UInt8] {
    let replaced = text.withUnsafeBufferPointer {
      try? Normalizer.replacing(.literal(pattern), in: $0, by: replacement)
    }
    return replaced ?? text
  }

  /// Like that, where the pattern may be spread over fragments: its beginning is held back.
  private mutating func replacing(
    _ pattern: [UInt8], by replacement: [UInt8], _ fragment: [UInt8], _ index: Int
  ) -> [UInt8] {
    let text = states[index].pending + fragment
    var result: [UInt8] = []
    var position = 0
    while position < text.count {
      let rest = text[position...]
      if rest.starts(with: pattern) {
        result += replacement
        position += pattern.count
      } else if rest.count < pattern.count, pattern.starts(with: rest) {
        break
      } else {
        result.append(text[position])
        position += 1
      }
    }
    states[index].pending = Array(text[position...])
    return result
  }

  fileprivate static func stripped(
    _ text: [UInt8], _ character: [UInt8], _ start: Int, _ stop: Int
  ) -> [UInt8] {
    var rest = text[...]
    for _ in 0..<start {
      guard rest.starts(with: character) else { break }
      rest = rest.dropFirst(character.count)
    }
    for _ in 0..<stop {
      guard rest.suffix(character.count).elementsEqual(character) else { break }
      rest = rest.dropLast(character.count)
    }
    return Array(rest)
  }

  /// Strips the fused text: `count` says how many characters of its beginning were looked at, as
  /// far as that matters; what may be its end is held back.
  private mutating func stripping(
    _ character: [UInt8], _ start: Int, _ stop: Int, _ fragment: [UInt8], _ index: Int
  ) -> [UInt8] {
    var rest = fragment[...]
    while states[index].count < start, !rest.isEmpty {
      guard rest.starts(with: character) else {
        states[index].count = start
        break
      }
      rest = rest.dropFirst(character.count)
      states[index].count += 1
    }
    let text = states[index].pending + rest
    var end = text.count
    for _ in 0..<stop {
      guard text[..<end].suffix(character.count).elementsEqual(character) else { break }
      end -= character.count
    }
    states[index].pending = Array(text[end...])
    return Array(text[..<end])
  }
}

extension DecodingStep {
  /// The bytes of one token alone, in the middle of a text.
  func bytes(ofToken text: [UInt8]) -> [UInt8] {
    switch self {
    case .byteLevel:
      return ByteLevel.bytes(ofToken: text) ?? text
    case .byteFallback:
      return DecodingRun.byte(ofToken: text).map { [$0] } ?? text
    case .replace(let pattern, let replacement):
      // A byte that is no character by itself, which an expression must not be given.
      guard String(validating: text, as: UTF8.self) != nil else { return text }
      let replaced = text.withUnsafeBufferPointer {
        try? Normalizer.replacing(pattern, in: $0, by: replacement)
      }
      return replaced ?? text
    case .replaceInText(let pattern, let replacement):
      return DecodingRun.replacing(pattern, by: replacement, text)
    case .metaspace(let replacement, _):
      return DecodingRun.replacing(replacement, by: [0x20], text)
    case .metaspaceInText(let replacement, let dropsFirst):
      return DecodingRun.replacing(replacement, by: dropsFirst ? [] : [0x20], text)
    case .strip(let character, let start, let stop):
      return DecodingRun.stripped(text, character, start, stop)
    case .fuse, .stripText, .joinBySpaces:
      return text
    }
  }
}
