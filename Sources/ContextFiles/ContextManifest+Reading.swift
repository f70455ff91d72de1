import Digests
import Files
import Foundation
import JSON

extension ContextManifest {
  /// Reads what stands in `bytes`; `path` names their origin in messages.
  ///
  /// Every number is checked against a range within which no size that follows from it overflows,
  /// and nothing is allocated beyond what the text itself takes.
  ///
  /// - Throws: `FileError` of the kinds `malformed` and `unsupported`.
  public init(bytes: UnsafeRawBufferPointer, path: String) throws(FileError) {
    guard bytes.count <= Self.mostBytes else {
      throw .damaged(path, "is too long for a saved context's")
    }
    do {
      try self.init(JSONDocument(bytes: bytes, path: path))
    } catch let error as FileError {
      throw error
    } catch {
      throw FileError(.malformed, "\(error)")
    }
  }

  private init(_ document: JSONDocument) throws {
    let path = document.path
    guard try document.stringIfPresent("format") == Self.format else {
      throw FileError(
        .malformed, "\(path): is not the manifest of a saved context; name a folder with one")
    }
    let version = try document.string("ringflash_version")
    let formatVersion = try document.integer("format_version", in: 1...Int(Int32.max))
    guard formatVersion <= Self.formatVersion else {
      throw FileError(
        .unsupported,
        """
        \(path): ringflash \(version) wrote it in format \(formatVersion), this one reads \
        format \(Self.formatVersion); use that ringflash, or save the context anew
        """)
    }
    description = try ContextDescription(document, version: version)
    finishedLayers = try document.integer("finished_layers", in: 1...description.layers)
    prefillMilliseconds = try document.integer("prefill_milliseconds", in: 0...1 << 48)
    tokens = try document.checksum("tokens_sha256")
    blocks = try document.checksums("blocks_sha256", count: description.blocks)
    (activations, baseTail) = ([], nil)
    activations = try document.checksums("activations_sha256", count: activationFiles)
    if hasBaseTail { baseTail = try document.checksum("base_tail_sha256") }
    guard formatVersion == self.formatVersion,
      try document.checksum("manifest_sha256") == checksum
    else {
      throw FileError.damaged(
        path, "its content does not have its checksum, so it was changed")
    }
  }
}

extension ContextDescription {
  fileprivate init(_ document: JSONDocument, version: String) throws {
    let model = try document.object("model")
    let layout = try document.object("layout")
    let layers = try document.integer("layers", in: 1...1 << 16)
    self.init(
      version: version,
      model: Model(
        name: try model.string("name"), path: try model.string("path"),
        identity: try model.string("identity"),
        randomWeights: try model.boolean("random_weights")),
      precision: try document.string("precision"),
      instructionSet: try document.string("instruction_set"),
      layout: try Layout(layout, layers: layers),
      layers: layers,
      tokens: try document.integer("tokens", in: 1...Int(Int32.max)),
      chat: try document.objectIfPresent("chat").map {
        Chat(
          system: try $0.stringIfPresent("system"), separated: try $0.boolean("separated"),
          variables: try $0.objectIfPresent("variables").map { variables in
            Dictionary(
              uniqueKeysWithValues: try variables.keys.map { ($0, try variables.string($0)) })
          })
      })
    base = try document.objectIfPresent("base").map { try Base($0, tokens: tokens) }
    guard blocks <= ContextManifest.mostBlocks else {
      throw FileError.damaged(
        document.path,
        "names \(blocks) KV blocks, a saved context has \(ContextManifest.mostBlocks) at most")
    }
    guard !self.model.path.isEmpty, !self.model.path.utf8.contains(0) else {
      throw FileError.damaged(document.path, "\"model.path\" is no path")
    }
  }
}

extension ContextDescription.Base {
  fileprivate init(_ document: JSONDocument, tokens: Int) throws {
    guard tokens > 1 else {
      throw FileError.damaged(document.path, "extends a base and has one token")
    }
    self.init(
      tokens: try document.integer("tokens", in: 1...tokens - 1),
      path: try document.string("path"), manifest: try document.checksum("manifest_sha256"),
      rotationTokens: try document.integer("rotation_tokens", in: 1...Int(Int32.max)))
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw FileError.damaged(document.path, "\"base.path\" is no path")
    }
  }
}

extension ContextDescription.Layout {
  fileprivate init(_ document: JSONDocument, layers count: Int) throws {
    let heads = try ContextDescription.Heads(document)
    let layers = try document.objectsIfPresent("layers")?.map { try ContextDescription.Heads($0) }
    guard layers.map({ $0.count == count && $0[0] == heads }) ?? true else {
      throw FileError.damaged(
        document.path, "\"layout.layers\" does not have the heads of each of \(count) layers")
    }
    self.init(
      layers: layers ?? [heads],
      hiddenSize: try document.integer("hidden_size", in: 1...1 << 20),
      tokensPerBlock: try document.integer("tokens_per_block", in: 1...1 << 16),
      arrangement: try document.string("arrangement"))
  }
}

extension ContextDescription.Heads {
  fileprivate init(_ document: JSONDocument) throws {
    self.init(
      queryHeads: try document.integer("query_heads", in: 1...1 << 16),
      keyValueHeads: try document.integer("key_value_heads", in: 1...1 << 16),
      headDimension: try document.integer("head_dimension", in: 1...1 << 16),
      paddedHeadDimension: try document.integer("padded_head_dimension", in: 1...1 << 17),
      // 2^30 · 2^16 layers · 10^5 blocks stays below 2^63.
      blockBytes: try document.integer("block_bytes", in: 1...1 << 30))
  }
}

extension JSONDocument {
  fileprivate func checksum(_ key: String) throws -> Checksum {
    try checksum(string(key), key)
  }

  fileprivate func checksums(_ key: String, count: Int) throws -> [Checksum] {
    guard let texts = try stringsIfPresent(key), texts.count == count else {
      throw FileError.damaged(
        path, "\"\(key)\" does not have one checksum for each of \(count) files")
    }
    return try texts.map { try checksum($0, key) }
  }

  private func checksum(_ text: String, _ key: String) throws -> Checksum {
    guard let checksum = Checksum(hexadecimal: text) else {
      throw FileError.damaged(
        path, "\"\(key)\" has what is no SHA-256 of 64 hexadecimal digits")
    }
    return checksum
  }
}
