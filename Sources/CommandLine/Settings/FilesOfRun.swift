import Files
import ModelFiles
import Ranks
import SystemPackage

/// The files that one run reads and writes, so that no output takes the place of an input or of another
/// output, whatever names and links they are given by.
struct FilesOfRun {
  /// What a message calls a file that no output may replace.
  private var taken: [FileIdentity: String] = [:]
  /// The same of folders with all that is in them.
  private var takenFolders: [FileIdentity: String] = [:]
  private var optionOfOutputStream: String?

  /// With what the standard streams are redirected to.
  init() {
    add(.standardOutput, as: "standard output")
    add(.standardError, as: "standard error")
  }

  private mutating func add(_ stream: FileDescriptor, as role: String) {
    if let identity = FileIdentity(stream) { taken[identity] = role }
  }

  /// - Parameters:
  ///   - path: `-` is standard input.
  ///   - role: such as "the context".
  mutating func add(input path: String?, as role: String) {
    guard let path else { return }
    if path == "-" { return add(.standardInput, as: role) }
    if let identity = FileIdentity(FilePath(text: path)) { taken[identity] = "\(role) '\(path)'" }
  }

  mutating func add(folder path: String?, as role: String) {
    guard let path, let identity = FileIdentity(FilePath(text: path)) else { return }
    takenFolders[identity] = "\(role) '\(path)'"
  }

  /// Call it when all inputs are known.
  ///
  /// - Parameters:
  ///   - path: `-` is standard output.
  ///   - option: what it is given by.
  /// - Throws: 64 if it would take the place of something.
  mutating func add(output path: String?, of option: String) throws(Failure) {
    guard let path else { return }
    if path == "-" {
      if let other = optionOfOutputStream {
        throw Failure(
          .usage, "--\(other) and --\(option) would both go to standard output; give a file")
      }
      optionOfOutputStream = option
      return
    }
    let place = FilePath(text: path)
    let identity = FileIdentity(place)
    if let identity, let other = taken[identity] {
      throw Failure(
        .usage, "--\(option) '\(path)' would overwrite \(other); give another file")
    }
    let folders = [identity].compactMap { $0 } + FileIdentity.folders(around: place)
    if let folder = folders.compactMap({ takenFolders[$0] }).first {
      throw Failure(
        .usage, "--\(option) '\(path)' would write into \(folder); give a file elsewhere")
    }
    if let identity { taken[identity] = "--\(option) '\(path)'" }
  }
}

extension GenerateSettings {
  /// Looks at all files that this run names, before one of them is opened for writing.
  ///
  /// - Parameters:
  ///   - configuration: the path of the configuration file.
  ///   - other: what else is read, and what messages call it.
  ///   - questions: which name further files, once they are read.
  /// - Throws: 64 if an output would take the place of an input or of another output.
  func checkFiles(
    configuration: String?, _ other: (path: String, role: String)? = nil,
    questions file: PromptsFile? = nil
  ) throws(Failure) {
    var files = FilesOfRun()
    files.add(input: configuration, as: "the configuration file")
    if let other { files.add(input: other.path, as: other.role) }
    switch context {
    case .text(let path): files.add(input: path, as: "the context")
    case .tokenIds(let path): files.add(input: path, as: "the token ids")
    case .messages(let path): files.add(input: path, as: "the messages")
    case .saved(let path): files.add(folder: path, as: "the folder of the saved context")
    }
    for piece in appended {
      switch piece {
      case .text(let path), .tokenIds(let path): files.add(input: path, as: "the appended text")
      }
    }
    if case .file(let path) = prompt { files.add(input: path, as: "the prompt file") }
    files.add(input: questions?.prompts, as: "the prompts")
    for question in file?.questions ?? [] {
      switch question.context {
      case .file(let path): files.add(input: path, as: "the context of a question")
      case .saved(let path): files.add(folder: path, as: "the folder of a question's context")
      case .text, .tokenIDs, nil: continue
      }
    }
    if case .stored(let path) = model {
      for file in StoredModels.files(at: path) { files.add(input: file, as: "the model's file") }
    }
    files.add(input: tokenizer, as: "the tokenizer")
    files.add(folder: contextFolder, as: "the folder of the saved context")
    files.add(folder: cache?.path, as: "the cache")
    for (option, path) in [
      (GenerateOption.answers, questions?.answers), (.report, report), (.logits, logits),
      (.trace, trace), (.sourcesHTML, sources?.page),
    ] {
      try files.add(output: path, of: option.rawValue)
    }
  }
}
