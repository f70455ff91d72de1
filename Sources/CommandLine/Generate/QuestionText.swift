import Ranks
import Reporting

/// A question as it is read, before it is tokenized.
struct QuestionText {
  /// Nil asks nothing: the answer goes on where the context ends.
  private let prompt: PromptLine.Prompt?
  /// What messages call it.
  let name: String
  /// What a message about it begins with.
  let place: String

  /// The question of `--prompt` or `--prompt-file`.
  ///
  /// - Throws: `Failure` if the file cannot be read.
  init(_ prompt: GenerateSettings.Prompt?) throws(Failure) {
    self.prompt =
      switch prompt {
      case .text(let text): .text(text)
      case .file(let path): .text(try ContextReader.prompt(path: path))
      case nil: nil
      }
    name = "the prompt"
    place = ""
  }

  private init(_ line: PromptLine, of file: PromptsFile) {
    prompt = line.prompt
    place = "\(file.name):\(line.line): "
    name = place + "the question"
  }

  /// The questions of a file.
  static func all(of file: PromptsFile) -> [QuestionText] {
    file.questions.map { QuestionText($0, of: file) }
  }

  /// What is tokenized where no chat template renders it.
  var piece: InputTexts.Piece {
    switch prompt {
    case .text(let text): .text(text, .end)
    case .tokenIDs(let ids): .tokenIDs(ids)
    case nil: .tokenIDs([])
    }
  }

  /// What a chat template takes; empty for no question.
  ///
  /// - Throws: 65 for token ids.
  func chatText() throws(Failure) -> String {
    switch prompt {
    case .text(let text): return text
    case .tokenIDs:
      throw Failure(
        .badData,
        """
        \(place)"token_ids" have no place in a chat template; give "prompt", or a context that is no \
        chat
        """)
    case nil: return ""
    }
  }
}
