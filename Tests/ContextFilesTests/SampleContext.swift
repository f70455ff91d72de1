import ContextFiles
import Digests
import Foundation
import Testing

/// Saves contexts of made-up bytes: 3 blocks of 4 tokens, the last one partly filled, in 3 layers, all
/// alike or not; or of another number of tokens, behind those of a base or not.
struct SampleContext {
  let directory: ContextDirectory
  var description: ContextDescription
  /// Of each layer.
  let blockBytes: [Int]
  let files: [BlockFile]
  let base: FinishedContext?

  init(
    in path: String, blockBytes: [Int] = [100, 100, 100], tokens: Int = 10,
    extending base: FinishedContext? = nil
  ) {
    directory = ContextDirectory(path: path)
    self.blockBytes = blockBytes
    self.base = base
    description = Self.description(blockBytes)
    description.tokens = tokens
    description.base = base?.base(
      tokens: base!.manifest.description.tokens, rotationTokens: 77)
    files = (0..<description.blocks).map { [directory] in BlockFile(block: $0, in: directory) }
  }

  /// Made ready to be saved.
  func prepared() throws -> SampleContext {
    if let base {
      try directory.prepare(extending: base, tokens: base.manifest.description.tokens)
    } else {
      try directory.prepare()
    }
    return self
  }

  private static func description(_ blockBytes: [Int]) -> ContextDescription {
    ContextDescription(
      version: "1.2.3",
      model: .init(name: "some/model", path: "/some/model", identity: "abc", randomWeights: false),
      precision: "bf16", instructionSet: "avx2",
      layout: .init(
        layers: blockBytes.map {
          .init(
            queryHeads: 4, keyValueHeads: 2, headDimension: 3, paddedHeadDimension: 16,
            blockBytes: $0)
        }, hiddenSize: 5, tokensPerBlock: 4, arrangement: "rows"),
      layers: 3, tokens: 10,
      chat: .init(system: "Be \"brief\".\n\u{1F600}", separated: true))
  }

  var tokens: [Int32] { (0..<description.tokens).map { Int32($0) * 1_000_003 } }

  /// The same in every context that has the block with as many tokens.
  func layer(_ layer: Int, block: Int, of description: ContextDescription? = nil) -> [UInt8] {
    let tokens = (description ?? self.description).tokens(ofBlock: block)
    return (0..<blockBytes[layer]).map {
      UInt8(truncatingIfNeeded: $0 &* 7 &+ block &* 31 &+ layer &* 101 &+ tokens &* 13)
    }
  }

  func activations(block: Int, layers: Int) -> [UInt8] {
    (0..<description.activationBytes(ofBlock: block)).map {
      UInt8(truncatingIfNeeded: $0 &+ block &* 3 &+ layers)
    }
  }

  /// Writes what is new in a checkpoint behind so many layers, but not its manifest.
  func write(layers: Int) throws -> ContextManifest {
    let tokens = try directory.writeTokens(self.tokens)
    let own = files.dropFirst(description.baseBlocks)
    for file in own {
      let new = (file.layers..<layers).map { layer($0, block: file.block) }
      try withBuffers(new) { try file.append($0) }
      try file.synchronize()
    }
    let activations: [Checksum]
    if layers == description.layers {
      activations = [try row.withUnsafeBytes { try directory.writeLastPosition($0) }]
    } else {
      try directory.makeActivationsFolder(layers: layers)
      activations = try own.map { file in
        let checksum = try self.activations(block: file.block, layers: layers).withUnsafeBytes {
          try directory.writeActivations($0, layers: layers, block: file.block)
        }
        try directory.synchronizeActivations(layers: layers, block: file.block)
        return checksum
      }
    }
    try directory.synchronizeFolders(
      activationsBehind: layers == description.layers ? nil : layers)
    return ContextManifest(
      description: description, finishedLayers: layers, prefillMilliseconds: 12_345,
      tokens: tokens,
      blocks: (base?.manifest.blocks.prefix(description.baseBlocks) ?? []) + own.map(\.checksum),
      activations: activations,
      baseTail: layers == description.layers
        ? nil : description.sharedBlock.map { base!.manifest.blocks[$0] })
  }

  let row = [UInt8](repeating: 9, count: 20)

  @discardableResult
  func save(layers: Int) throws -> ContextManifest {
    let manifest = try write(layers: layers)
    try directory.commit(
      manifest, replacing: directory.isSaved ? try directory.manifest() : nil)
    return manifest
  }

  /// Reads everything that the folder's manifest lists, and expects it to be what was saved.
  ///
  /// - Throws: what reading throws.
  func readAll(sourceLocation: SourceLocation = #_sourceLocation) throws {
    let manifest = try directory.manifest()
    try directory.verify(manifest)
    #expect(try directory.readTokens(manifest) == tokens, sourceLocation: sourceLocation)
    for block in 0..<description.blocks {
      let isOfBase = block < description.baseBlocks
      let expected = (0..<(isOfBase ? 3 : manifest.finishedLayers)).flatMap {
        layer($0, block: block)
      }
      let file = BlockFile(block: block, in: directory)
      let read = try readBlock(file, manifest)
      #expect(read == expected, sourceLocation: sourceLocation)
      guard !manifest.isFinished, !isOfBase else { continue }
      var rows = [UInt8](repeating: 0, count: description.activationBytes(ofBlock: block))
      try rows.withUnsafeMutableBytes {
        try directory.readActivations(of: manifest, block: block, into: $0)
      }
      #expect(
        rows == activations(block: block, layers: manifest.finishedLayers),
        sourceLocation: sourceLocation)
    }
    guard manifest.isFinished else { return }
    var last = [UInt8](repeating: 0, count: 20)
    try last.withUnsafeMutableBytes { try directory.readLastPosition(of: manifest, into: $0) }
    #expect(last == row, sourceLocation: sourceLocation)
  }

  func readBlock(_ file: BlockFile, _ manifest: ContextManifest) throws -> [UInt8] {
    try read(
      file, layers: file.block < description.baseBlocks ? 3 : manifest.finishedLayers,
      manifest.blocks[file.block])
  }

  /// The base's rows of the block that it shares with this unfinished context.
  func readBaseTail(_ manifest: ContextManifest) throws -> [UInt8] {
    let checksum = try #require(manifest.baseTail)
    return try read(
      BlockFile(baseTail: description.baseBlocks, in: directory), layers: 3, checksum)
  }

  private func read(_ file: BlockFile, layers: Int, _ checksum: Checksum) throws -> [UInt8] {
    let sizes = blockBytes.prefix(layers)
    var bytes = [UInt8](repeating: 0, count: sizes.reduce(0, +))
    try bytes.withUnsafeMutableBytes { bytes in
      var rest = bytes[...]
      try file.read(
        into: sizes.map { size in
          defer { rest = rest.dropFirst(size) }
          return UnsafeMutableRawBufferPointer(rebasing: rest.prefix(size))
        }, expecting: checksum, in: directory)
    }
    return bytes
  }

  private func withBuffers(
    _ arrays: [[UInt8]], _ body: ([UnsafeRawBufferPointer]) throws -> Void
  ) throws {
    let flat = arrays.flatMap { $0 }
    try flat.withUnsafeBytes { bytes in
      var rest = bytes[...]
      try body(
        arrays.map { array in
          defer { rest = rest.dropFirst(array.count) }
          return UnsafeRawBufferPointer(rebasing: rest.prefix(array.count))
        })
    }
  }
}
