import CPCRE2

/// A compiled regular expression. PCRE2 compiles it to machine code where it can.
package final class RegularExpression: @unchecked Sendable {
  // The compiled pattern is only read once `init` is done, as PCRE2 allows from any thread.
  let code: OpaquePointer
  /// The same for texts without any of `laterKinds`, which is faster: a third of the time.
  let plainCode: OpaquePointer
  package let laterKinds: LaterCharacters.Kinds
  /// As the file has it, for messages.
  let pattern: String

  struct CompilationFailure: Error {
    /// What is wrong with the pattern, and where.
    let problem: String
  }

  /// Compiles `pattern`, which is in the syntax of Oniguruma. Throws `CompilationFailure`.
  package init(_ pattern: String) throws {
    var translator = PatternTranslator(pattern, addsLaterCharacters: false)
    plainCode = try Self.compiled(translator.translated(), from: pattern)
    laterKinds = translator.laterKinds
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

  static func message(_ errorCode: Int32) -> String {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = pcre2_get_error_message_8(errorCode, &buffer, buffer.count)
    return count > 0 ? String(decoding: buffer.prefix(Int(count)), as: UTF8.self) : "\(errorCode)"
  }
}
