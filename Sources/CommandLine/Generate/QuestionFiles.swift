import Ranks
import Reporting

/// The files of `--prompts` and `--answers`, as far as they can be judged without a model. Only rank 0
/// reads them.
struct QuestionFiles {
  let prompts: PromptsFile
  let answers: AnswersFile
  /// `--answers`, as messages call it; empty for standard output.
  let answersName: String

  /// - Throws: `Failure`, as `PromptsFile` and `AnswersFile`; 65 for an answer to what is not asked.
  init(_ settings: QuestionSettings) throws(Failure) {
    prompts = try PromptsFile(path: settings.prompts)
    answers = try AnswersFile(path: settings.answers)
    answersName = settings.answers ?? ""
    let ids = Set(prompts.questions.map(\.id))
    let strangers = answers.earlier.entries.filter { !ids.contains($0.key) }
    if let (id, entry) = strangers.min(by: { $0.value.line < $1.value.line }) {
      throw Failure(
        .badData,
        """
        \(answersName):\(entry.line): this answers \(id), which \(prompts.name) does not ask; give \
        the prompts file that it belongs to, or another --answers FILE
        """)
    }
  }
}
