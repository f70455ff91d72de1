import CPCRE2

/// Finds the matches of one expression, one after the other. For one thread.
final class RegularExpressionMatcher {
  private let expression: RegularExpression
  private let code: OpaquePointer
  private let isMachineCode: Bool
  private let matchData: OpaquePointer
  private let context: OpaquePointer
  private let offsets: UnsafeMutablePointer<Int>
  private var stack: OpaquePointer?
  /// How many more times a match at one place may take `manySteps`.
  private var longMatchesLeft = 100

  /// Tokenizers' expressions take a few steps for each character of a match. More than these, at
  /// one place of the text, are taken only so many times, or a text would take its length times the
  /// most that one place may take.
  private static let fewSteps: UInt32 = 100_000

  /// The most that a match may take; it may be the whole text. PCRE2's own limit, 10 million steps,
  /// is too low for that.
  private static func manySteps(_ byteCount: Int) -> UInt32 {
    UInt32(clamping: 10_000_000 + 16 * byteCount)
  }

  /// For the interpreter's memory, which PCRE2 limits to 20 GB.
  private static let heapKibibytes: UInt32 = 512 << 10

  /// - Parameter laterKinds: those that texts may have.
  init(_ expression: RegularExpression, laterKinds: LaterCharacters.Kinds) {
    self.expression = expression
    code =
      expression.laterKinds.isDisjoint(with: laterKinds) ? expression.plainCode : expression.code
    var machineCodeSize = 0
    let hasSize = pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_JITSIZE), &machineCodeSize) == 0
    isMachineCode = hasSize && machineCodeSize > 0
    guard let matchData = pcre2_match_data_create_8(1, nil),
      let context = pcre2_match_context_create_8(nil)
    else { fatalError("out of memory") }
    self.matchData = matchData
    self.context = context
    offsets = pcre2_get_ovector_pointer_8(matchData)
    pcre2_set_heap_limit_8(context, Self.heapKibibytes)
    pcre2_set_match_limit_8(context, Self.fewSteps)
  }

  deinit {
    if let stack { pcre2_jit_stack_free_8(stack) }
    pcre2_match_context_free_8(context)
    pcre2_match_data_free_8(matchData)
  }

  /// The first match in `text`, which is UTF-8, that begins at `start` or later; nil where there is
  /// none. What lies before `start` is seen by assertions that look behind.
  ///
  /// Throws `TokenizerError.unsupported` where PCRE2 gives up.
  func firstMatch(in text: UnsafeBufferPointer<UInt8>, from start: Int) throws -> Range<Int>? {
    var result = match(text, start)
    if result == PCRE2_ERROR_JIT_STACKLIMIT, stack == nil {
      // The 32 kB of the ordinary stack that compiled code uses by itself did not do.
      stack = pcre2_jit_stack_create_8(1 << 16, 1 << 26, nil)
      pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack))
      result = match(text, start)
    }
    if result == PCRE2_ERROR_MATCHLIMIT { result = longMatch(text, start) }
    // 0 says that there are more groups than places for them; the first is the whole match.
    if result >= 0 { return offsets[0]..<max(offsets[0], offsets[1]) }
    if result == PCRE2_ERROR_NOMATCH { return nil }
    throw TokenizerError(
      .unsupported,
      "the tokenizer's regular expression \"\(expression.pattern)\" cannot be matched beyond byte "
        + "\(start) of a text of \(text.count) (\(RegularExpression.message(result))); use another "
        + "text or pass token ids")
  }

  /// As `match`, place by place, so that the number of those that take many steps is known.
  private func longMatch(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int32 {
    defer { pcre2_set_match_limit_8(context, Self.fewSteps) }
    var place = start
    while true {
      pcre2_set_match_limit_8(context, Self.fewSteps)
      var result = matchExactly(text, at: place)
      if result == PCRE2_ERROR_MATCHLIMIT, longMatchesLeft > 0 {
        longMatchesLeft -= 1
        pcre2_set_match_limit_8(context, Self.manySteps(text.count))
        result = matchExactly(text, at: place)
      }
      guard result == PCRE2_ERROR_NOMATCH, place < text.count else { return result }
      place += UTF8Scan.length(ofValidLead: text[place])
    }
  }

  /// A match that begins at `place`. PCRE2 has no machine code for that, and interprets.
  private func matchExactly(_ text: UnsafeBufferPointer<UInt8>, at place: Int) -> Int32 {
    pcre2_match_8(
      code, text.baseAddress, text.count, place,
      UInt32(PCRE2_NO_UTF_CHECK) | UInt32(PCRE2_ANCHORED), matchData, context)
  }

  private func match(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Int32 {
    // The text was checked once; PCRE2 would check it anew for each match.
    if isMachineCode {
      pcre2_jit_match_8(
        code, text.baseAddress, text.count, start, 0, matchData, context)
    } else {
      pcre2_match_8(
        code, text.baseAddress, text.count, start, UInt32(PCRE2_NO_UTF_CHECK), matchData,
        context)
    }
  }
}
