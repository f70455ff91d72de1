import Ranks
import Reporting

/// A question as it is read, before it is tokenized.
struct QuestionText {
  /// A context of its own.
  enum Own: Hashable {
    case text(String)
    case tokenIDs([Int32])
    /// The path of a saved one, which begins with the context that all questions have.
    case saved(String)

    /// By bytes: texts that Unicode takes for equal have other tokens, and paths lead elsewhere.
    static func == (first: Own, second: Own) -> Bool {
      switch (first, second) {
      case (.text(let text), .text(let other)), (.saved(let text), .saved(let other)):
        text.utf8.elementsEqual(other.utf8)
      case (.tokenIDs(let ids), .tokenIDs(let others)): ids == others
      default: false
      }
    }
  }

  /// What stands before it, behind the context that all questions have; nil for nothing.
  let own: Own?
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
    own = nil
    name = "the prompt"
    place = ""
  }

  private init(_ line: PromptLine, own: Own?, of file: PromptsFile) {
    self.own = own
    prompt = line.prompt
    place = "\(file.name):\(line.line): "
    name = place + "the question"
  }

  /// The questions of a file, with the texts that they name.
  ///
  /// - Throws: `Failure` if one of these cannot be read.
  static func all(of file: PromptsFile) throws(Failure) -> [QuestionText] {
    // Many questions may name one file.
    var texts: [[UInt8]: String] = [:]
    var questions: [QuestionText] = []
    for line in file.questions {
      let own: Own?
      switch line.context {
      case .text(let text): own = .text(text)
      case .tokenIDs(let ids): own = .tokenIDs(ids)
      case .saved(let path): own = .saved(path)
      case .file(let path):
        do throws(Failure) {
          let key = Array(path.utf8)
          if texts[key] == nil { texts[key] = try ContextReader.ownContext(path: path) }
          own = .text(texts[key]!)
        } catch {
          throw error.at("\(file.name):\(line.line): ")
        }
      case nil: own = nil
      }
      questions.append(QuestionText(line, own: own, of: file))
    }
    return questions
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

  /// What a chat template takes of its own context; empty for none.
  ///
  /// - Throws: 65 for what is no text.
  func ownChatText() throws(Failure) -> String {
    switch own {
    case .text(let text): return text
    case .tokenIDs, .saved:
      throw Failure(
        .badData,
        """
        \(place)a "context" of token ids, or a saved one, has no place in a chat template; give its text, \
        or a context that is no chat
        """)
    case nil: return ""
    }
  }

  /// What the user says behind the context that all questions have: the own one and the question.
  ///
  /// - Throws: 65 for what is no text.
  func message() throws(Failure) -> String {
    let (own, prompt) = (try ownChatText(), try chatText())
    return own.isEmpty ? prompt : ChatText.message(own, prompt)
  }
}

extension Failure {
  /// The same, with where it is in front.
  func at(_ place: String) -> Failure { Failure(exitCode, place + sentence) }
}
