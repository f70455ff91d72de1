import Digests
import Foundation

// One object, the description's keys beside the others: what the file has, and what rank 0
// broadcasts.
extension ContextManifest: Codable {
  enum CodingKeys: String, CodingKey {
    case format
    case formatVersion = "format_version"
    case finishedLayers = "finished_layers"
    case prefillMilliseconds = "prefill_milliseconds"
    case tokens = "tokens_sha256"
    case blocks = "blocks_sha256"
    case activations = "activations_sha256"
    case baseTail = "base_tail_sha256"
    case checksum = "manifest_sha256"
  }

  public init(from decoder: any Decoder) throws {
    description = try ContextDescription(from: decoder)
    let container = try decoder.container(keyedBy: CodingKeys.self)
    finishedLayers = try container.decode(Int.self, forKey: .finishedLayers)
    prefillMilliseconds = try container.decode(Int.self, forKey: .prefillMilliseconds)
    tokens = try container.decode(Checksum.self, forKey: .tokens)
    blocks = try container.decode([Checksum].self, forKey: .blocks)
    activations = try container.decode([Checksum].self, forKey: .activations)
    baseTail = try container.decodeIfPresent(Checksum.self, forKey: .baseTail)
  }

  public func encode(to encoder: any Encoder) throws {
    try description.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(Self.format, forKey: .format)
    try container.encode(formatVersion, forKey: .formatVersion)
    try container.encode(finishedLayers, forKey: .finishedLayers)
    try container.encode(prefillMilliseconds, forKey: .prefillMilliseconds)
    try container.encode(tokens, forKey: .tokens)
    try container.encode(blocks, forKey: .blocks)
    try container.encode(activations, forKey: .activations)
    try container.encodeIfPresent(baseTail, forKey: .baseTail)
    try container.encode(checksum, forKey: .checksum)
  }

  /// The file's content.
  public func json() throws -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    return try encoder.encode(self) + Data("\n".utf8)
  }
}
