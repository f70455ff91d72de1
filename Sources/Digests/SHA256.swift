import CCrypto

/// SHA-256 (FIPS 180-4) over bytes that come in pieces. A value: a copy goes on by itself.
public struct SHA256: Sendable {
  private var state = State()

  public init() {}

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    if !isKnownUniquelyReferenced(&state) { state = State(copying: state) }
    state.update(bytes)
  }

  /// In UTF-8.
  public mutating func update(_ text: String) {
    var text = text
    text.withUTF8 { update(UnsafeRawBufferPointer($0)) }
  }

  /// Of the bytes so far.
  public var checksum: Checksum { State(copying: state).finish() }
}

/// The memory in which libcrypto computes one digest. Only its one owner changes it.
private final class State: @unchecked Sendable {
  private let context: OpaquePointer

  private init(empty: Void) {
    guard let context = EVP_MD_CTX_new() else { fatalError("there is no memory for a digest") }
    self.context = context
  }

  convenience init() {
    self.init(empty: ())
    Self.check(EVP_DigestInit_ex(context, EVP_sha256(), nil))
  }

  convenience init(copying other: State) {
    self.init(empty: ())
    Self.check(EVP_MD_CTX_copy_ex(context, other.context))
  }

  deinit { EVP_MD_CTX_free(context) }

  func update(_ bytes: UnsafeRawBufferPointer) {
    Self.check(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count))
  }

  /// The state is not used again.
  func finish() -> Checksum {
    withUnsafeTemporaryAllocation(byteCount: Checksum.bytes, alignment: 1) { bytes in
      Self.check(EVP_DigestFinal_ex(context, bytes.baseAddress, nil))
      return Checksum(bytes: UnsafeRawBufferPointer(bytes))
    }
  }

  /// These calls fail where memory is short or a library has no SHA-256: a digest that goes on
  /// without would call different bytes equal.
  private static func check(_ result: Int32) {
    guard result == 1 else { fatalError("libcrypto computes no SHA-256") }
  }
}
