import Foundation
import Testing
import Tokenizers

/// How fast a text is encoded; `measure_reference.py` measures the reference with the same files.
///
///     RINGFLASH_MEASURE_TOKENIZER=tokenizer.json RINGFLASH_MEASURE_TEXT=text.txt \
///       swift test -c release --disable-xctest --filter SpeedTests
struct SpeedTests {
  private static let environment = ProcessInfo.processInfo.environment
  private static let tokenizerPath = environment["RINGFLASH_MEASURE_TOKENIZER"]
  private static let textPath = environment["RINGFLASH_MEASURE_TEXT"]

  @Test(.enabled(if: tokenizerPath != nil && textPath != nil))
  func tenMegabytesASecondAreEncoded() throws {
    let clock = ContinuousClock()
    var start = clock.now
    let tokenizer = try Tokenizer(contentsOf: try #require(Self.tokenizerPath))
    let loading = clock.now - start
    let text = try Data(contentsOf: URL(fileURLWithPath: try #require(Self.textPath)))
    var best = Duration.seconds(1_000_000)
    var identifiers: [Int32] = []
    for _ in 0..<3 {
      start = clock.now
      identifiers = try tokenizer.encode(text)
      best = min(best, clock.now - start)
    }
    let rate = Double(text.count) / 1e6 / (best / .seconds(1))
    let hash = FamilyExpectation.fnv(identifiers.lazy.map { UInt64($0) })
    print("load \(loading), \(identifiers.count) ids, hash \(hash), \(rate) MB/s")
    #expect(rate >= 10)
  }
}
