import ContextFiles
import Digests
import Kernels
import MPI
import Transformer

extension SavedContext {
  /// Writes what this rank holds of the layers that have been finished since the last time, and
  /// brings it to the disk. It sends no message. A reader finds it only after the manifest is
  /// committed.
  ///
  /// - Throws: `FileError`.
  public func write() throws {
    let layers = context.finishedLayers
    if session.communicator.rank == 0, tokenChecksum == nil {
      tokenChecksum = try directory.writeTokens(tokens)
    }
    activationChecksums = []
    let own = ownFiles
    guard !own.isEmpty else { return }
    if context.isPrefilled {
      try forEachBlock(own) { try append(layers, toBlock: $0) }
      try forEachBlock(own) { try files[$0].synchronize() }
      activationChecksums =
        try context.lastActivations.map {
          [try directory.writeLastPosition(UnsafeRawBufferPointer($0))]
        } ?? []
    } else {
      try directory.makeActivationsFolder(layers: layers)
      let checksums = AlignedBuffer<Checksum>(count: own.count)
      try forEachBlock(own) { index in
        try append(layers, toBlock: index)
        checksums.pointer[index - own.lowerBound] = try directory.writeActivations(
          UnsafeRawBufferPointer(activations(ofBlock: index)), layers: layers,
          block: files[index].block)
      }
      try forEachBlock(own) { index in
        try files[index].synchronize()
        try directory.synchronizeActivations(layers: layers, block: files[index].block)
      }
      activationChecksums = Array(checksums.elements)
    }
    try directory.synchronizeFolders(activationsBehind: context.isPrefilled ? nil : layers)
  }

  private func append(_ layers: Int, toBlock index: Int) throws {
    let file = files[index]
    try file.append(
      (file.layers..<layers).map {
        UnsafeRawBufferPointer(context.keyValues(ofBlock: index, layer: $0))
      })
  }

  /// Collects what all ranks have written; every rank calls this after all have. A base has been
  /// restored: the checksums of its blocks are those of what was read.
  ///
  /// - Parameter prefillMilliseconds: what the prefill has cost, earlier runs included.
  /// - Returns: what rank 0 commits; nil on the others.
  /// - Throws: `MPIError`.
  public func collectManifest(prefillMilliseconds: Int) throws -> ContextManifest? {
    let communicator = session.communicator
    let blocks = try communicator.gather(
      array: files.map { NumberedChecksum(block: $0.block, checksum: $0.checksum) }, to: 0)
    // In the end the last position's, whose block is the last of its rank.
    let activations = try communicator.gather(
      array: zip(files.suffix(activationChecksums.count), activationChecksums).map {
        NumberedChecksum(block: $0.block, checksum: $1)
      }, to: 0)
    guard let blocks, let activations else { return nil }
    return ContextManifest(
      description: description, finishedLayers: context.finishedLayers,
      prefillMilliseconds: prefillMilliseconds, tokens: tokenChecksum!,
      blocks: Self.inOrder(blocks), activations: Self.inOrder(activations),
      baseTail: context.isPrefilled ? nil : baseTail)
  }

  private static func inOrder(_ lists: [[NumberedChecksum]]) -> [Checksum] {
    lists.joined().sorted { $0.block < $1.block }.map(\.checksum)
  }
}

private struct NumberedChecksum: BitwiseCopyable {
  let block: Int
  let checksum: Checksum
}
