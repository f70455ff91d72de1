import Kernels
import Ranks

/// A long text with sentences hidden in it, and a question at its end that one of them answers:
/// what the built-in model is tried on. A token of that model is a byte.
package struct Haystack: Sendable {
  /// ASCII, of the length that was asked for.
  package let text: [UInt8]

  /// The hidden sentences, in the order of the text.
  package let needles: [Needle]

  /// A text of `tokens` bytes with `count` needles spread evenly from its first byte to the
  /// question, which is its last line and ends where the asked needle's passkey would follow.
  /// Without needles there is no question. Equal arguments give equal texts.
  ///
  /// - Parameters:
  ///   - asked: the number of the needle that is asked for, from 1; the first if nil.
  ///   - endsWithQuestion: false leaves the question out, so that any can be put behind the text.
  /// - Throws: 64 if `asked` is not the number of a needle, or if the text is too short for the
  ///   needles; then it says how long it must be.
  package static func make(
    tokens: Int, needles count: Int, asked: Int? = nil, endsWithQuestion: Bool = true,
    seed: UInt64
  ) throws(Failure) -> Haystack {
    precondition(tokens >= 1 && count >= 0, "a haystack of \(tokens) bytes, \(count) needles")
    if let asked, asked < 1 || asked > count {
      throw Failure(
        .usage,
        count == 0
          ? "without needles there is nothing to ask for, leave out --ask"
          : "needle \(asked) cannot be asked for, the needles are 1 to \(count)")
    }
    var generator = SplitMix64(seed: seed)
    let names = NeedleNames.make(count, using: &generator)
    let passkeys = passkeys(count, using: &generator)
    let sentences = zip(names, passkeys).map { Needle.sentence(name: $0, passkey: $1) }
    let question =
      count == 0 || !endsWithQuestion ? "" : Needle.opening(name: names[(asked ?? 1) - 1])

    let shortest = sentences.reduce(question.utf8.count) { $0 + $1.utf8.count }
    guard tokens >= shortest else {
      throw Failure(
        .usage,
        """
        \(tokens) tokens are too few for \(count) needles\
        \(endsWithQuestion ? " and the question" : ""), give at least \(shortest)
        """
      )
    }

    var filler = Filler(generator: generator)
    let fillerBytes = tokens - shortest
    var filled = 0
    var text: [UInt8] = []
    text.reserveCapacity(tokens + 256)
    var needles: [Needle] = []
    for i in 0..<count {
      // Before needle i stand i of the count - 1 equal parts of the filler.
      let before = count == 1 ? 0 : fillerBytes * i / (count - 1)
      filler.append(before - filled, to: &text)
      filled = before
      let largestOffset = tokens - question.utf8.count - sentences[i].utf8.count
      needles.append(
        Needle(
          index: i + 1, name: names[i], passkey: passkeys[i], offset: text.count,
          depth: largestOffset == 0 ? 0 : Double(text.count) / Double(largestOffset),
          asked: endsWithQuestion && i + 1 == asked ?? 1))
      text.append(contentsOf: sentences[i].utf8)
    }
    filler.append(fillerBytes - filled, to: &text)
    text.append(contentsOf: question.utf8)
    return Haystack(text: text, needles: needles)
  }

  /// `count` different numbers of seven digits.
  private static func passkeys(_ count: Int, using generator: inout SplitMix64) -> [String] {
    var taken: Set<Int> = []
    var passkeys: [String] = []
    while passkeys.count < count {
      let passkey = 1_000_000 + generator.next(below: 9_000_000)
      if taken.insert(passkey).inserted { passkeys.append(String(passkey)) }
    }
    return passkeys
  }
}
