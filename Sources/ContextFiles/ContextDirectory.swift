import Files
import Foundation
import SystemPackage

// The folder of a saved context:
//
//     manifest.json            written last, beside its place and then renamed: the commit point
//     tokens.bin               the token ids, int32 little-endian
//     blocks/000123.kv         KV block 123: [layers][blockBytes]
//     activations-003/000123.f32   the residual stream behind 3 layers, [tokens][hiddenSize]
//                              float32; only while the prefill is not finished
//     last-position.f32        its last row; only when it is finished
//     base-tail.kv             of a context that extends another, the other's file of the block that
//                              both share; only while the prefill is not finished
//     lease.json               the job that writes here; only while it does
//
// A checkpoint appends the layers that were finished since the one before it to the blocks' files,
// behind what the manifest covers, and writes activations into a folder of their own. So whenever a
// rank is killed, what the manifest lists is whole.
//
// A context that extends another begins with links to the other's files; see `prepare(extending:)`.

/// The folder of a saved context, or of one that is to be.
public struct ContextDirectory: Equatable, Sendable {
  public let path: String

  public init(path: String) { self.path = path }

  enum Name {
    static let manifest = "manifest.json"
    static let tokens = "tokens.bin"
    static let blocks = "blocks"
    static let activations = "activations-"
    static let lastPosition = "last-position.f32"
    static let block = ".kv"
    static let activation = ".f32"
    static let baseTail = "base-tail.kv"
    static let lease = "lease.json"
    static let probe = ".probe-"
    /// What `ReplacementFile` writes for a manifest before it takes its place.
    static let partialManifest = ".manifest.json."
  }

  var manifestPath: String { "\(path)/\(Name.manifest)" }
  package var leasePath: String { "\(path)/\(Name.lease)" }
  var tokensPath: String { "\(path)/\(Name.tokens)" }
  var blocksPath: String { "\(path)/\(Name.blocks)" }
  var lastPositionPath: String { "\(path)/\(Name.lastPosition)" }
  var baseTailPath: String { "\(path)/\(Name.baseTail)" }
  public var absolutePath: String { FilePath(text: path).absolute.text }

  func path(ofBlock block: Int) -> String {
    "\(blocksPath)/\(Self.digits(block, 6))\(Name.block)"
  }

  func activationsPath(layers: Int) -> String {
    "\(path)/\(Name.activations)\(Self.digits(layers, 3))"
  }

  func activationsPath(layers: Int, block: Int) -> String {
    "\(activationsPath(layers: layers))/\(Self.digits(block, 6))\(Name.activation)"
  }

  private static func digits(_ number: Int, _ least: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, least - digits.count)) + digits
  }

  /// Whether there is a whole saved context, be it of an unfinished prefill.
  public var isSaved: Bool { FilePath(text: manifestPath).exists }

  /// Whether a save has begun here, be it that nothing of it is whole yet.
  public var isBegun: Bool {
    isSaved || lease != nil || FilePath(text: blocksPath).isFolder
  }

  /// Which job writes here, or has left without a word; nil for none.
  public var lease: ContextLease.State? { ContextLease.state(of: self) }

  /// Reads the manifest.
  ///
  /// - Throws: `FileError`: `notFound` if there is no saved context, `malformed` or
  ///   `unsupported` if its manifest is none of ours, `unreadable`.
  public func manifest() throws(FileError) -> ContextManifest {
    let status = try Errno.explained {
      try Stat(FilePath(text: path))
    } by: { code in
      code == .noSuchFileOrDirectory || code == .notDirectory
        ? FileError(.notFound, "\(path): there is no such folder; check the path", code: code)
        : FileError(.unreadable, path, "cannot be read", code, "check its permissions")
    }
    guard status.type == .directory else {
      throw FileError(
        .notFound, "\(path): is no folder; name that of a saved context")
    }
    guard isSaved else {
      throw FileError(.notFound, "\(path): holds no saved context; \(reasonForNone)")
    }
    let file = try mapped(manifestPath)
    return try ContextManifest(bytes: file.bytes, path: manifestPath)
  }

  private var reasonForNone: String {
    if let lease, lease.isHeld {
      return """
        process \(lease.holder.process) on \(lease.holder.host) is computing it and has saved nothing \
        yet; wait for it
        """
    }
    return "a save that was not finished leaves none (no \(Name.manifest)), save it anew"
  }

  func mapped(_ path: String) throws(FileError) -> MappedFile {
    do {
      return try MappedFile(path: path)
    } catch {
      switch error.kind {
      case .notFound:
        throw .damaged(path, "this file of the saved context is missing", .notFound)
      case .malformed: throw .damaged(path, "is empty")
      default: throw error
      }
    }
  }

  /// Maps a file of the saved context that has at least so many bytes.
  func mapped(_ path: String, bytes: Int) throws(FileError) -> MappedFile {
    let file = try mapped(path)
    guard file.bytes.count >= bytes else {
      throw .damaged(path, "is cut short, it has \(file.bytes.count) bytes of \(bytes)")
    }
    return file
  }
}
