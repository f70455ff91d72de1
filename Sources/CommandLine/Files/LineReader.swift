import Ranks

/// Cuts what a source gives in pieces into lines; of a line that is too long, no more than the limit
/// is ever in memory.
package struct LineReader {
  package struct Line {
    /// Counted from 1.
    package let number: Int
    /// Without its newline.
    package internal(set) var bytes: [UInt8]
    /// False where the source ended before a newline came.
    package let isTerminated: Bool

    /// Whether there is nothing but white space in it.
    var isBlank: Bool { bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d } }
  }

  /// Most bytes of a line; parsed, they take ten times as many or more.
  static let longestLine = 32 << 20

  private let name: String
  /// The next bytes; none at the end.
  private let source: () throws(Failure) -> [UInt8]
  private var held: [UInt8] = []
  /// The first byte of `held` that no line has taken.
  private var start = 0
  /// Up to here there is no newline in `held`.
  private var searched = 0
  private var number = 0

  /// - Parameters:
  ///   - name: of the source, for messages.
  ///   - source: gives the next bytes with each call, and none at the end.
  package init(name: String, source: @escaping () throws(Failure) -> [UInt8]) {
    self.name = name
    self.source = source
  }

  /// The lines of these bytes.
  package init(_ bytes: [UInt8], name: String) {
    var rest = bytes
    self.init(name: name) { () throws(Failure) in
      defer { rest = [] }
      return rest
    }
  }

  /// The next line, or nil at the end.
  ///
  /// - Throws: 65 if the line is too long; what the source throws.
  package mutating func next() throws(Failure) -> Line? {
    while true {
      let newline = held[searched...].firstIndex(of: UInt8(ascii: "\n"))
      searched = newline ?? held.count
      guard searched - start <= Self.longestLine else {
        throw Failure(
          .badData,
          "\(name):\(number + 1): the line is longer than \(Self.longestLine >> 20) MiB; shorten it"
        )
      }
      if newline != nil { return take(isTerminated: true) }
      held.removeFirst(start)
      (start, searched) = (0, held.count)
      let piece = try source()
      guard piece.isEmpty else {
        held += piece
        continue
      }
      return held.isEmpty ? nil : take(isTerminated: false)
    }
  }

  private mutating func take(isTerminated: Bool) -> Line {
    number += 1
    let line = Line(
      number: number, bytes: Array(held[start..<searched]), isTerminated: isTerminated)
    start = isTerminated ? searched + 1 : searched
    searched = start
    return line
  }
}
