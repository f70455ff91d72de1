import ContextFiles
import Foundation
import Ranks

/// `inspect` of a saved context: what it is, whether it is whole, and how to go on with it.
struct ContextReport: CommandReport {
  let path: String
  let tokens: Int
  let blocks: Int
  let layers: Int
  let finishedLayers: Int
  let isFinished: Bool
  /// What its prefill has cost so far, over all runs.
  let prefillSeconds: Double
  /// Of all its files but the manifest.
  let bytes: Int
  /// Of all files in the folder: those of which no other folder has one, and the others.
  let ownBytes: Int
  let sharedBytes: Int
  /// What it extends, and what that extends, as far as they are there; empty where it begins by itself.
  let bases: [Base]
  let model: String
  let modelPath: String
  let modelIdentity: String
  let randomWeights: Bool
  let precision: String
  let instructionSet: String
  /// Null where the context is plain text or token ids.
  let chat: ContextDescription.Chat?
  let ringflashVersion: String
  /// The job that writes in it now; null for none.
  let writer: String?
  /// Whether the bytes of all files were compared with their checksums.
  let isVerified: Bool

  struct Base: Encodable {
    let path: String
    let tokens: Int
    let manifestSha256: String
    /// The length for which its extension is rotated, where a RoPE scaling depends on the length.
    let rotationTokens: Int
    let state: ContextDescription.Base.State
    /// As those of the report; null where it is gone or changed.
    let ownBytes: Int?
    let sharedBytes: Int?
  }

  /// - Throws: `FileError`, `Failure`.
  static func run(_ command: InspectCommand, _ directory: ContextDirectory) throws {
    if command.tokens != nil || command.ranks != nil {
      throw Failure(
        .usage,
        "--tokens and --ranks are for models, '\(directory.path)' is a saved context; leave them out"
      )
    }
    let manifest = try directory.manifest()
    if command.verify { try directory.verify(manifest) }
    let report = ContextReport(
      directory, manifest, try directory.usage(), isVerified: command.verify)
    try report.write(asJSON: command.json)
  }

  private init(
    _ directory: ContextDirectory, _ manifest: ContextManifest, _ usage: ContextDirectory.Usage,
    isVerified: Bool
  ) {
    let description = manifest.description
    path = directory.path
    tokens = description.tokens
    blocks = description.blocks
    layers = description.layers
    finishedLayers = manifest.finishedLayers
    isFinished = manifest.isFinished
    prefillSeconds = Double(manifest.prefillMilliseconds) / 1000
    bytes = manifest.bytes
    ownBytes = usage.ownBytes
    sharedBytes = usage.sharedBytes
    bases = Self.bases(of: description)
    model = description.model.name
    modelPath = description.model.path
    modelIdentity = description.model.identity
    randomWeights = description.model.randomWeights
    precision = description.precision
    instructionSet = description.instructionSet
    chat = description.chat
    ringflashVersion = description.version
    writer = directory.lease.flatMap { lease in
      guard lease.isHeld else { return nil }
      return "process \(lease.holder.process) on \(lease.holder.host)"
    }
    self.isVerified = isVerified
  }

  /// A manifest's checksum is over that of its base, so there is an end.
  private static func bases(of description: ContextDescription) -> [Base] {
    var bases: [Base] = []
    var next = description.base
    while let base = next {
      let context = base.context
      let usage = try? context?.directory.usage()
      bases.append(
        Base(
          path: base.path, tokens: base.tokens, manifestSha256: base.manifest.hexadecimal,
          rotationTokens: base.rotationTokens, state: base.state, ownBytes: usage?.ownBytes,
          sharedBytes: usage?.sharedBytes))
      next = context?.manifest.description.base
    }
    return bases
  }

  static let valueColumn = 14

  var lines: [(label: String, value: String)] {
    let kind =
      chat == nil
      ? "text or token ids" : "a chat" + (chat?.system == nil ? "" : " with a system message")
    return [
      ("context", "\(tokens) tokens in \(blocks) KV blocks, \(kind)"),
      (
        "prefill",
        isFinished
          ? "finished, all \(layers) layers" : "\(finishedLayers) of \(layers) layers are finished"
      ),
      ("computed in", String(format: "%.1f s", prefillSeconds)),
    ] + bases.map { ("extends", Self.text($0)) } + [
      ("size", decimalSize(bytes) + sharing),
      ("model", model + (randomWeights ? " with random weights" : "")),
      ("identity", modelIdentity),
      ("precision", precision),
      ("instructions", instructionSet),
      ("saved by", "ringflash \(ringflashVersion)"),
      ("written by", writer ?? "no job at the moment"),
      ("checksums", isVerified ? "all files are whole" : "not compared, which --verify does"),
      (
        isFinished ? "to ask it" : "to go on",
        "mpirun -np RANKS ringflash --resume \(path)" + (isFinished ? " --prompt TEXT" : "")
      ),
    ] + (isFinished ? [("to extend it", extending)] : [])
  }

  private var extending: String {
    "mpirun -np RANKS ringflash --resume \(path) --append FILE --save DIR"
  }

  private var sharing: String {
    guard sharedBytes > 0 else { return "" }
    return ", of which \(decimalSize(sharedBytes)) are files that other folders have, too"
  }

  private static func text(_ base: Base) -> String {
    let what = "\(base.tokens) tokens of \(base.path), which is "
    return switch base.state {
    case .unchanged:
      what + "there and unchanged"
        + (base.ownBytes.map { ", \(decimalSize($0)) are its alone" } ?? "")
    case .changed: what + "something else now; nothing of it is needed"
    case .gone: what + "gone; nothing of it is needed"
    }
  }
}
