import JSON
import Ranks
import Reporting

/// What a file of answers has already, and where one more may be written.
package struct AnsweredQuestions: Sendable {
  package struct Entry: Sendable, Equatable {
    /// Its line in the file, from 1.
    package let line: Int
    package let fingerprint: String
    /// 64 hexadecimal digits.
    package let logitsDigest: String
  }

  package private(set) var entries: [QuestionID: Entry] = [:]
  /// How much of the file is whole lines; what is behind them was torn off while it was written.
  package private(set) var wholeBytes = 0
  /// Whether the last of these lines lacks its newline.
  package private(set) var lacksNewline = false

  private let name: String

  /// - Parameter reader: gives the file's lines; `name`: of the file, for messages.
  /// - Throws: 65 with file and line for a line that is no answer, or a second one to a question;
  ///   what `reader` throws.
  package init(_ reader: LineReader, name: String) throws(Failure) {
    self.name = name
    var reader = reader
    while let line = try reader.next() { try append(line) }
  }

  package init(bytes: [UInt8], name: String) throws(Failure) {
    try self.init(LineReader(bytes, name: name), name: name)
  }

  private mutating func append(_ line: LineReader.Line) throws(Failure) {
    if !line.isBlank {
      guard let (id, entry) = Self.parse(line, path: name) else {
        guard !line.isTerminated, Self.isBeginning(line.bytes) else { throw damaged(line) }
        return
      }
      if let first = entries.updateValue(entry, forKey: id) {
        throw Failure(
          .badData,
          """
          \(name):\(line.number): this is a second answer to \(id), the first is in line \
          \(first.line); remove one of them
          """)
      }
    }
    wholeBytes += line.bytes.count + (line.isTerminated ? 1 : 0)
    lacksNewline = !line.isTerminated
  }

  /// Whether an answer's line could begin so. Anything else at the end of a file is not ours to cut
  /// off.
  private static func isBeginning(_ bytes: [UInt8]) -> Bool {
    zip(bytes, AnswerRecord.beginning.utf8).allSatisfy { $0 == $1 }
  }

  private func damaged(_ line: LineReader.Line) -> Failure {
    Failure(
      .badData,
      """
      \(name):\(line.number): this is no answer that ringflash wrote; remove the line, and its \
      question is answered again, or give another --answers FILE
      """)
  }

  /// Nil if the line is no answer.
  private static func parse(_ line: LineReader.Line, path: String) -> (QuestionID, Entry)? {
    try? line.bytes.withUnsafeBytes { bytes in
      let document = try JSONDocument(line: line.number, bytes: bytes, path: path)
      let id: QuestionID
      switch document.value("id") {
      case .string(let text)?: id = .text(text)
      case .integer(let number)?: id = .integer(number)
      default: return nil
      }
      let fingerprint = try document.string("fingerprint")
      let digest = try document.string("logits_digest")
      _ = try document.string("text")
      _ = try document.integers("token_ids")
      guard isHexadecimal(fingerprint, digits: QuestionFingerprint.digits),
        isHexadecimal(digest, digits: 64)
      else { return nil }
      return (
        id, Entry(line: line.number, fingerprint: fingerprint, logitsDigest: digest)
      )
    }
  }

  private static func isHexadecimal(_ text: String, digits: Int) -> Bool {
    text.utf8.count == digits
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }
}
