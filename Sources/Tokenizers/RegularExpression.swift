import CPCRE2

/// A compiled regular expression. PCRE2 compiles it to machine code where it can.
final class RegularExpression: @unchecked Sendable {
  // The compiled pattern is only read once `init` is done, as PCRE2 allows from any thread.
  fileprivate let code: OpaquePointer
  /// The same for texts without `LaterCharacters`, which is faster: a third of the time.
  fileprivate let plainCode: OpaquePointer
  /// As the file has it, for messages.
  let pattern: String

  struct CompilationFailure: Error {
    /// What is wrong with the pattern, and where.
    let problem: String
  }

  /// Compiles `pattern`, which is in the syntax of Oniguruma. Throws `CompilationFailure`.
  init(_ pattern: String) throws {
    var translator = PatternTranslator(pattern, addsLaterCharacters: false)
    plainCode = try Self.compiled(translator.translated(), from: pattern)
    if Self.knowsLaterCharacters {
      code = plainCode
    } else {
      translator = PatternTranslator(pattern, addsLaterCharacters: true)
      do {
        code = try Self.compiled(translator.translated(), from: pattern)
      } catch {
        pcre2_code_free_8(plainCode)
        throw error
      }
    }
    self.pattern = pattern
  }

  deinit {
    if code != plainCode { pcre2_code_free_8(plainCode) }
    pcre2_code_free_8(code)
  }

  private static func compiled(
    _ translated: String, from pattern: String
  ) throws -> OpaquePointer {
    let options =
      UInt32(PCRE2_UTF) | UInt32(PCRE2_UCP) | UInt32(PCRE2_MULTILINE)
      | UInt32(PCRE2_NEVER_BACKSLASH_C)
    var errorCode: Int32 = 0
    var errorOffset = 0
    let context = pcre2_compile_context_create_8(nil)
    defer { pcre2_compile_context_free_8(context) }
    pcre2_set_newline_8(context, UInt32(PCRE2_NEWLINE_LF))
    var translated = translated
    let code = translated.withUTF8 { bytes in
      pcre2_compile_8(
        bytes.baseAddress, bytes.count, options, &errorCode, &errorOffset, context)
    }
    guard let code else {
      let place = translated == pattern ? "" : " of its translation \"\(translated)\""
      throw CompilationFailure(
        problem: "does not compile: \(message(errorCode)) at offset \(errorOffset)\(place)")
    }
    // Where PCRE2 has no compiler for this machine, its interpreter does.
    _ = pcre2_jit_compile_8(code, UInt32(PCRE2_JIT_COMPLETE))
    return code
  }

  /// Whether PCRE2's own tables have the characters of Unicode 15 and 16.
  private static let knowsLaterCharacters: Bool = unicodeVersion >= 16

  /// The major version of Unicode by which PCRE2 sorts characters.
  private static let unicodeVersion: Int = {
    var text = [UInt8](repeating: 0, count: 64)
    let count = pcre2_config_8(UInt32(PCRE2_CONFIG_UNICODE_VERSION), &text)
    guard count > 0, count <= text.count else { return 0 }
    return Int(String(decoding: text.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)) ?? 0
  }()

  fileprivate static func message(_ errorCode: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = pcre2_get_error_message_8(errorCode, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer.prefix(Int(count)), as: UTF8.self) : "\(errorCode)"
  }
}

/// Finds the matches of one expression, one after the other. For one thread.
final class RegularExpressionMatcher {
  private let expression: RegularExpression
  private let code: OpaquePointer
  private let isMachineCode: Bool
  private let matchData: OpaquePointer
  private let context: OpaquePointer
  private let offsets: UnsafeMutablePointer<Int>
  private var stack: OpaquePointer?
  /// The length of the text that the limit of steps is set for.
  private var limitedCount = -1

  /// - Parameter mayMeetLaterCharacters: false if no text has any of `LaterCharacters`.
  init(_ expression: RegularExpression, mayMeetLaterCharacters: Bool) {
    self.expression = expression
    code = mayMeetLaterCharacters ? expression.code : expression.plainCode
    var machineCodeSize = 0
    let hasSize = pcre2_pattern_info_8(code, UInt32(PCRE2_INFO_JITSIZE), &machineCodeSize) == 0
    isMachineCode = hasSize && machineCodeSize > 0
    guard let matchData = pcre2_match_data_create_8(1, nil),
      let context = pcre2_match_context_create_8(nil)
    else { fatalError("out of memory") }
    self.matchData = matchData
    self.context = context
    offsets = pcre2_get_ovector_pointer_8(matchData)
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
    if text.count != limitedCount {
      // Tokenizers' expressions take a few steps for each byte of a match, which may be the whole
      // text; PCRE2's own limit, 10 million steps, is too low for that.
      limitedCount = text.count
      pcre2_set_match_limit_8(context, UInt32(clamping: 10_000_000 + 16 * text.count))
    }
    var result = match(text, start)
    if result == PCRE2_ERROR_JIT_STACKLIMIT, stack == nil {
      // The 32 kB of the ordinary stack that compiled code uses by itself did not do.
      stack = pcre2_jit_stack_create_8(1 << 16, 1 << 26, nil)
      pcre2_jit_stack_assign_8(context, nil, UnsafeMutableRawPointer(stack))
      result = match(text, start)
    }
    // 0 says that there are more groups than places for them; the first is the whole match.
    if result >= 0 { return offsets[0]..<max(offsets[0], offsets[1]) }
    if result == PCRE2_ERROR_NOMATCH { return nil }
    throw TokenizerError(
      .unsupported,
      "the tokenizer's regular expression \"\(expression.pattern)\" cannot be matched beyond byte "
        + "\(start) of a text of \(text.count) (\(RegularExpression.message(result))); use another "
        + "text or pass token ids")
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
