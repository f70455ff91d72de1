import Files
import Foundation

extension ContextCache {
  /// What an entry has of a context.
  public struct Match: Codable, Equatable, Sendable {
    /// The entry's folder.
    public let path: String
    public let manifest: ContextManifest
    /// The first tokens of the context, which the entry begins with as well.
    public let tokens: Int
    /// Whether the entry is the context itself, be it that its prefill is unfinished.
    public let isWhole: Bool

    public var directory: ContextDirectory { ContextDirectory(path: path) }
  }

  /// The entry with which least of a context is left to compute.
  public struct Finding {
    /// Nil where there is none.
    public var match: Match?
    /// Keeps the entry from being removed for as long as it is referenced.
    public var reading: ContextReading?
    /// Of entries that are damaged, which were left out.
    public var problems: [(path: String, error: FileError)] = []
  }

  /// Looks for an entry that begins with the same tokens as a context, of the same model, precision and
  /// layout. Of such a beginning there is a block at least. An entry of the context itself may be unfinished,
  /// so that the job goes on with it.
  ///
  /// - Parameters:
  ///   - tokens: all of the context's.
  ///   - excluded: paths of entries that are not looked at.
  ///   - canBeRotated: whether the context has the same keys where it is rotated as for another length.
  /// - Throws: `FileError` of the kind `unreadable` if the cache cannot be listed.
  public func find(
    _ tokens: [Int32], of description: ContextDescription, excluding excluded: Set<String> = [],
    canBeRotated: (_ rotationTokens: Int) -> Bool
  ) throws(FileError) -> Finding {
    var finding = Finding()
    var candidates: [(match: Match, work: Int)] = []
    for entry in try entries() where entry.isSaved && !excluded.contains(entry.path) {
      do throws(FileError) {
        guard let match = try self.match(entry, tokens, description),
          canBeRotated(match.manifest.description.rotationTokens)
        else { continue }
        candidates.append((match, match.finishedWork))
      } catch  where error.isDamage && entry.isSaved {
        finding.problems.append((entry.path, error))
      } catch {
        // It was removed meanwhile, cannot be read now, or is another release's.
      }
    }
    for (match, _) in candidates.sorted(by: { $0.work > $1.work }) {
      guard let reading = ContextReading(of: match.directory, match.manifest) else { continue }
      do throws(FileError) {
        _ = try match.directory.readTokens(match.manifest)
      } catch {
        if error.isDamage { finding.problems.append((match.path, error)) }
        continue
      }
      finding.match = match
      finding.reading = reading
      break
    }
    return finding
  }

  private func match(
    _ entry: ContextDirectory, _ tokens: [Int32], _ description: ContextDescription
  ) throws(FileError) -> Match? {
    let manifest = try entry.manifest()
    do {
      try manifest.description.check(against: description, path: entry.path)
    } catch {
      return nil
    }
    let equal = try entry.tokensInCommon(with: tokens, manifest)
    let isWhole = equal == tokens.count && equal == manifest.description.tokens
    if isWhole, manifest.isFinished || entry.lease?.isHeld != true {
      return Match(path: entry.path, manifest: manifest, tokens: equal, isWhole: true)
    }
    // The last position's hidden state, which nobody has, takes a token to compute.
    let first = min(equal, tokens.count - 1)
    guard manifest.isFinished, first >= description.layout.tokensPerBlock else { return nil }
    return Match(path: entry.path, manifest: manifest, tokens: first, isWhole: false)
  }
}

extension FileError {
  /// Whether a saved context is not what it was.
  var isDamage: Bool { kind == .malformed || kind == .notFound }
}

extension ContextCache.Match {
  /// Tokens times layers that need not be computed.
  fileprivate var finishedWork: Int {
    let description = manifest.description
    guard !manifest.isFinished else { return tokens * description.layers }
    let ofBase = description.base?.tokens ?? 0
    return ofBase * description.layers + (tokens - ofBase) * manifest.finishedLayers
  }
}

extension ContextDirectory {
  /// How many tokens a saved context begins with as others do; the bytes are not verified.
  ///
  /// - Throws: `FileError`: `malformed`, `unreadable`.
  fileprivate func tokensInCommon(
    with tokens: [Int32], _ manifest: ContextManifest
  ) throws(FileError) -> Int {
    let count = min(tokens.count, manifest.description.tokens)
    let file = try mapped(
      tokensPath, bytes: manifest.description.tokens * MemoryLayout<Int32>.stride)
    let saved = file.bytes.bindMemory(to: Int32.self)
    return (0..<count).first { Int32(littleEndian: saved[$0]) != tokens[$0] } ?? count
  }
}
