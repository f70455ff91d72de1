import Digests
import Files

/// The file of one KV block, `[layers][blockBytes]`, as the rank that owns the block reads it and
/// writes it on. It is used by one thread at a time.
public final class BlockFile {
  /// The block's number in the sequence.
  public let block: Int
  /// The layers that have been read or written, from the first on.
  public private(set) var layers = 0
  private let path: String
  /// Over these layers.
  private var hash = SHA256()
  private var bytes = 0

  public init(block: Int, in directory: ContextDirectory) {
    self.block = block
    path = directory.path(ofBlock: block)
  }

  /// The base's file of the block that it shares with the unfinished context in the directory.
  public init(baseTail block: Int, in directory: ContextDirectory) {
    self.block = block
    path = directory.baseTailPath
  }

  /// Of the layers so far.
  public var checksum: Checksum { hash.checksum }

  /// Writes further layers behind those that are there. They are on the disk after `synchronize`. The
  /// first of them make the file: one that is there may be another context's as well.
  ///
  /// - Parameter further: `[blockBytes]` each.
  /// - Throws: `FileError` of the kind `writeFailed`.
  public func append(_ further: [UnsafeRawBufferPointer]) throws(FileError) {
    if bytes == 0 { try FileWriting.create(path) }
    try FileWriting.write(further, to: path, at: bytes, cuts: false)
    for layer in further { hash.update(layer) }
    bytes += further.reduce(0) { $0 + $1.count }
    layers += further.count
  }

  /// - Throws: `FileError` of the kind `writeFailed`.
  public func synchronize() throws(FileError) { try FileWriting.synchronize(path) }

  /// Reads all layers of a saved context; what the file has behind them is left alone.
  ///
  /// - Parameters:
  ///   - destinations: room for `[blockBytes]` each.
  ///   - checksum: what the manifest says of the block.
  /// - Throws: `FileError`: `notFound`, `unreadable`, or `malformed` where the file is too
  ///   short or its bytes are not those that were saved.
  public func read(
    into destinations: [UnsafeMutableRawBufferPointer], expecting checksum: Checksum,
    in directory: ContextDirectory
  ) throws(FileError) {
    precondition(layers == 0, "a block is read once")
    let file = try directory.mapped(path, bytes: destinations.reduce(0) { $0 + $1.count })
    for destination in destinations {
      destination.copyMemory(
        from: UnsafeRawBufferPointer(
          rebasing: file.bytes[bytes..<bytes + destination.count]))
      // Of the copy, which is what will be computed with, and is still in the cache.
      hash.update(UnsafeRawBufferPointer(destination))
      bytes += destination.count
    }
    layers = destinations.count
    guard self.checksum == checksum else { throw ContextDirectory.changed(path) }
  }
}
