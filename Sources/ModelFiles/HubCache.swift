import Files
import Foundation
import SystemPackage

/// The local cache of the Hugging Face Hub, which `hf download` and Transformers fill. It is only
/// read here; nothing is ever fetched.
///
/// A model's files are below `models--ORG--NAME/snapshots/COMMIT`, and `refs/main` holds the commit
/// of the branch `main`
/// (https://huggingface.co/docs/huggingface_hub/guides/manage-cache).
public struct HubCache: Sendable {
  public let path: String

  /// The cache where the environment has it: `HF_HUB_CACHE`, else `hub` in `HF_HOME`, else
  /// `huggingface/hub` in `XDG_CACHE_HOME`, else in `~/.cache`. Empty variables count as absent.
  public init(environment: [String: String]) {
    func value(_ name: String) -> String? {
      guard let value = environment[name], !value.isEmpty else { return nil }
      return value == "~" || value.hasPrefix("~/") ? home + value.dropFirst() : value
    }
    let home = environment["HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory()
    path =
      value("HF_HUB_CACHE") ?? value("HF_HOME").map { $0 + "/hub" }
      ?? (value("XDG_CACHE_HOME") ?? home + "/.cache") + "/huggingface/hub"
  }

  /// The directory of a model's files.
  ///
  /// Throws `FileError.notFound`, with the command that would fetch the model, where it is not
  /// there or none of several snapshots is named.
  public func snapshot(of model: HubModel) throws -> String {
    let folder = "\(path)/models--\(model.organization)--\(model.name)"
    let snapshots = folder + "/snapshots"
    func missing(_ problem: String) -> FileError {
      FileError(.notFound, "\(problem); fetch the model with '\(model.fetchCommand)'")
    }
    func found(_ commit: String) -> String? {
      let isPlain = !commit.isEmpty && !commit.contains("/") && !commit.hasPrefix(".")
      return isPlain && Self.isDirectory("\(snapshots)/\(commit)")
        ? "\(snapshots)/\(commit)" : nil
    }

    guard Self.isDirectory(folder) else {
      throw missing(
        "\(model): there is neither such a directory nor a model of that name in the Hugging Face "
          + "cache \(path)")
    }
    let reference = "\(folder)/refs/\(model.revision ?? "main")"
    if let commit = Self.text(of: reference) {
      guard let snapshot = found(commit) else {
        throw missing("\(reference): names the snapshot \"\(commit)\", which is not there")
      }
      return snapshot
    }
    if let revision = model.revision {
      if let snapshot = found(revision) { return snapshot }
      throw missing("\(folder): has no revision \"\(revision)\"")
    }
    let commits = (try? FilePath(text: snapshots).entries()) ?? []
    let all = commits.compactMap(found)
    guard all.count <= 1 else {
      throw FileError(
        .notFound,
        "\(folder): has \(all.count) snapshots and no refs/main that chooses one; name one as "
          + "\(model)@REVISION, or fetch the model with '\(model.fetchCommand)'")
    }
    guard let only = all.first else { throw missing("\(folder): has no snapshot") }
    return only
  }

  /// The command that would fetch what a snapshot lacks; nil where `path` is no snapshot's.
  static func fetchCommand(forSnapshot path: String) -> String? {
    let parts = FilePath(text: path).absolute.components.map(\.string).suffix(3)
    guard parts.count == 3, let folder = parts.first, let commit = parts.last,
      parts.dropFirst().first == "snapshots", folder.hasPrefix("models--")
    else { return nil }
    let names = folder.dropFirst("models--".count)
    guard let separator = names.range(of: "--") else { return nil }
    return HubModel(
      "\(names[..<separator.lowerBound])/\(names[separator.upperBound...])@\(commit)")?
      .fetchCommand
  }

  private static func isDirectory(_ path: String) -> Bool {
    FilePath(text: path).type == .directory
  }

  /// The text of a short file, trimmed; nil where it cannot be read.
  private static func text(of path: String) -> String? {
    guard FilePath(text: path).type == .regular,
      let file = try? FileDescriptor.open(FilePath(text: path), .readOnly, options: .closeOnExec)
    else { return nil }
    defer { try? file.close() }
    guard let bytes = try? file.read(upTo: 4096) else { return nil }
    return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
