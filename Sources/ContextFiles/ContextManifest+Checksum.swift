import Digests

extension ContextManifest {
  /// SHA-256 over all fields in a fixed order and binary form, so that it does not depend on how
  /// JSON is laid out. The manifest's file holds it next to them.
  public var checksum: Checksum {
    var hash = FieldHash()
    hash.add(Self.format)
    hash.add(formatVersion)
    hash.add(description)
    hash.add(finishedLayers)
    hash.add(prefillMilliseconds)
    hash.add([tokens])
    hash.add(blocks)
    hash.add(activations)
    // Only in format 3.
    if let base = description.base { hash.add(base, baseTail) }
    return hash.checksum
  }
}

/// Numbers as 8 bytes, little-endian; texts and lists behind their lengths.
private struct FieldHash {
  private var hash = SHA256()

  var checksum: Checksum { hash.checksum }

  mutating func add(_ number: Int) {
    withUnsafeBytes(of: Int64(number).littleEndian) { hash.update($0) }
  }

  mutating func add(_ condition: Bool) { add(condition ? 1 : 0) }

  mutating func add(_ text: String) {
    add(text.utf8.count)
    hash.update(text)
  }

  mutating func add(_ checksums: [Checksum]) {
    add(checksums.count)
    for checksum in checksums { add(checksum.hexadecimal) }
  }

  mutating func add(_ layers: [ContextDescription.Heads]) {
    add(layers.count)
    for heads in layers {
      for number in [
        heads.queryHeads, heads.keyValueHeads, heads.headDimension, heads.paddedHeadDimension,
        heads.blockBytes,
      ] { add(number) }
    }
  }

  mutating func add(_ base: ContextDescription.Base, _ tail: Checksum?) {
    add(base.tokens)
    add(base.path)
    add([base.manifest])
    add(base.rotationTokens)
    add(tail.map { [$0] } ?? [])
  }

  mutating func add(_ description: ContextDescription) {
    let (model, layout) = (description.model, description.layout)
    for text in [
      description.version, model.name, model.path, model.identity, description.precision,
      description.instructionSet, layout.arrangement,
    ] { add(text) }
    add(model.randomWeights)
    for number in [
      layout.heads.queryHeads, layout.heads.keyValueHeads, layout.heads.headDimension,
      layout.heads.paddedHeadDimension, layout.hiddenSize, layout.tokensPerBlock,
      layout.heads.blockBytes, description.layers, description.tokens,
    ] { add(number) }
    // Manifests that were written before layers could differ have none.
    if let layers = layout.layers { add(layers) }
    add(description.chat != nil)
    guard let chat = description.chat else { return }
    add(chat.separated)
    add(chat.system != nil)
    if let system = chat.system { add(system) }
    // Manifests that were written before there were variables have none.
    guard let variables = chat.variables else { return }
    add(variables.count)
    for (name, value) in variables.sorted(by: { $0.key < $1.key }) {
      add(name)
      add(value)
    }
  }
}
