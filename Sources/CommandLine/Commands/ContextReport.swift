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
    let report = ContextReport(directory, manifest, isVerified: command.verify)
    try report.write(asJSON: command.json)
  }

  private init(_ directory: ContextDirectory, _ manifest: ContextManifest, isVerified: Bool) {
    let description = manifest.description
    path = directory.path
    tokens = description.tokens
    blocks = description.blocks
    layers = description.layers
    finishedLayers = manifest.finishedLayers
    isFinished = manifest.isFinished
    prefillSeconds = Double(manifest.prefillMilliseconds) / 1000
    bytes = manifest.bytes
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
      ("size", decimalSize(bytes)),
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
    ]
  }
}
