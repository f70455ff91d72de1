import ContextFiles
import Digests
import Foundation
import Testing

/// Saves contexts of made-up bytes: 3 blocks of 4 tokens, the last one partly filled, in 3 layers, all
/// alike or not.
struct SampleContext {
  let directory: ContextDirectory
  var description: ContextDescription
  /// Of each layer.
  let blockBytes: [Int]
  let files: [BlockFile]

  init(in path: String, blockBytes: [Int] = [100, 100, 100]) {
    directory = ContextDirectory(path: path)
    self.blockBytes = blockBytes
    files = (0..<3).map { [directory] in BlockFile(block: $0, in: directory) }
    description = Self.description(blockBytes)
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

  static let tokens = (0..<10).map { Int32($0) * 1_000_003 }

  func layer(_ layer: Int, block: Int) -> [UInt8] {
    (0..<blockBytes[layer]).map {
      UInt8(truncatingIfNeeded: $0 &* 7 &+ block &* 31 &+ layer &* 101)
    }
  }

  func activations(block: Int, layers: Int) -> [UInt8] {
    (0..<description.activationBytes(ofBlock: block)).map {
      UInt8(truncatingIfNeeded: $0 &+ block &* 3 &+ layers)
    }
  }

  /// Writes what is new in a checkpoint behind so many layers, but not its manifest.
  func write(layers: Int) throws -> ContextManifest {
    let tokens = try directory.writeTokens(Self.tokens)
    for file in files {
      let new = (file.layers..<layers).map { layer($0, block: file.block) }
      try withBuffers(new) { try file.append($0) }
      try file.synchronize()
    }
    let activations: [Checksum]
    if layers == description.layers {
      activations = [try row.withUnsafeBytes { try directory.writeLastPosition($0) }]
    } else {
      try directory.makeActivationsFolder(layers: layers)
      activations = try files.map { file in
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
      tokens: tokens, blocks: files.map(\.checksum), activations: activations)
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
    #expect(try directory.readTokens(manifest) == Self.tokens, sourceLocation: sourceLocation)
    for block in 0..<3 {
      let expected = (0..<manifest.finishedLayers).flatMap { layer($0, block: block) }
      let file = BlockFile(block: block, in: directory)
      let read = try readBlock(file, manifest)
      #expect(read == expected, sourceLocation: sourceLocation)
      guard !manifest.isFinished else { continue }
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
    let sizes = blockBytes.prefix(manifest.finishedLayers)
    var bytes = [UInt8](repeating: 0, count: sizes.reduce(0, +))
    try bytes.withUnsafeMutableBytes { bytes in
      var rest = bytes[...]
      try file.read(
        into: sizes.map { size in
          defer { rest = rest.dropFirst(size) }
          return UnsafeMutableRawBufferPointer(rebasing: rest.prefix(size))
        }, expecting: manifest.blocks[file.block], in: directory)
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
