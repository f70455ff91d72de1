import Files
import SystemPackage

extension ContextDirectory {
  /// Bytes of the files in the folder, by the names that they have.
  public struct Usage: Equatable, Sendable {
    /// Of files that have no name but the one here: what comes free when the folder is removed.
    public var ownBytes = 0
    /// Of files that other folders have as well.
    public var sharedBytes = 0

    public init(ownBytes: Int = 0, sharedBytes: Int = 0) {
      self.ownBytes = ownBytes
      self.sharedBytes = sharedBytes
    }

    mutating func add(_ other: Usage) {
      ownBytes += other.ownBytes
      sharedBytes += other.sharedBytes
    }

    mutating func add(_ status: Stat) {
      guard status.type == .regular else { return }
      if status.linkCount > 1 {
        sharedBytes += Int(status.size)
      } else {
        ownBytes += Int(status.size)
      }
    }
  }

  /// What the folder takes of the disk: all that is ours in it.
  ///
  /// - Throws: `FileError` of the kind `unreadable`.
  public func usage() throws(FileError) -> Usage {
    var usage = Usage()
    for name in try entries(of: path) { try usage.add(self.usage(ofEntry: name)) }
    return usage
  }

  /// What one entry of the folder takes; nothing where it is none of ours.
  func usage(ofEntry name: String) throws(FileError) -> Usage {
    var usage = Usage()
    let place = "\(path)/\(name)"
    guard let status = Self.status(place) else { return usage }
    if status.type == .regular, name == Name.manifest || isOurFile(name) {
      usage.add(status)
    } else if status.type == .directory, let ending = Self.ending(inFolder: name) {
      for file in try entries(of: place) where file.hasSuffix(ending) {
        if let status = Self.status("\(place)/\(file)") { usage.add(status) }
      }
    }
    return usage
  }

  /// Of what is there itself, be it a link; nil where nothing is.
  static func status(_ place: String) -> Stat? {
    try? Stat(FilePath(text: place), followTargetSymlink: false)
  }
}
